"""A shared folder that lags: another machine sees the writes of a training late, in another order, and in halves."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from minattn.errors import InputError
from minattn.runs import Run

TOKENIZER = '{"model": {"type": "WordPiece"}, "pieces": ["[PAD]", "中"]}'
CONFIG = {"model": {"width": 8}, "training": {"steps": 40}}
SAVES = [(10, 0), (20, 1), (20, 2), (30, 3), (30, 4), (40, 5), (50, 6)]
"""Steps, the same one again where a training went on from an earlier one, and what tells their weights apart."""


def weights_of(save):
    return {"weight": np.random.default_rng(save).normal(size=(40, 30)).astype(np.float32)}


def optimizer_of(save):
    return {"weight.m": np.full((40, 30), -save, np.float32)}


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def late_writes(seen, wanted, place, rng) -> Iterator[None]:
    """Bring a folder from what it shows to what it should, a file after the other in any order, or half a file."""
    changed = [path for path in sorted({*seen, *wanted}) if seen.get(path) != wanted.get(path)]
    rng.shuffle(changed)
    for path in changed:
        file, content = place / path, wanted.get(path)
        if content is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            if rng.random() < 0.5:
                file.write_bytes(content[: rng.randrange(len(content))])
                yield
            file.write_bytes(content)
        yield
    for folder in sorted(place.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            yield


def look(place, best, outcomes):
    """Read the folder as another machine does: what comes of it is what was saved, or a sentence."""
    try:
        run = Run.open(place)
        checkpoint = run.load(best=best)
    except InputError as error:
        assert str(place) in str(error) and "\n" not in str(error)
        outcomes.add("a sentence")
        return
    save = checkpoint.state["save"]
    assert np.array_equal(checkpoint.weights["weight"], weights_of(save)["weight"])
    if not best:
        assert np.array_equal(checkpoint.optimizer["weight.m"], optimizer_of(save)["weight.m"])
    outcomes.add(save)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("best", [False, True])
def test_another_machine_reads_a_checkpoint_that_was_saved_or_says_why_it_cannot(tmp_path, seed, best):
    rng, place, outcomes = random.Random(seed), tmp_path / "seen elsewhere", set()
    run = Run.create(tmp_path / "run", CONFIG, TOKENIZER)
    for step, save in SAVES:
        state = {"save": save, "best": {"step": step, "score": 1.0}}
        run.save(step, weights_of(save), optimizer_of(save), state)
        if save != SAVES[-1][1] and rng.random() < 0.3:
            continue  # what two saves change arrives together
        for _ in late_writes(files_of(place), files_of(run.folder), place, rng):
            look(place, best, outcomes)
    run = Run.open(place)
    assert run.load(best=best).step == SAVES[-1][0]
    assert "a sentence" in outcomes and len(outcomes) > 2


def test_what_was_half_seen_is_whole_once_the_folder_has_caught_up_and_the_training_goes_on(tmp_path):
    rng, place = random.Random(0), tmp_path / "seen elsewhere"
    run = Run.create(tmp_path / "run", CONFIG, TOKENIZER)
    run.save(10, weights_of(1), optimizer_of(1), {})
    for _ in late_writes({}, files_of(run.folder), place, rng):
        pass
    other = Run.open(place)
    other.save(20, weights_of(2), optimizer_of(2), {})
    assert Run.open(place).load().step == 20 and files_of(place) != files_of(run.folder)
