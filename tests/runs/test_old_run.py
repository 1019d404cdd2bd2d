"""Runs that the version before the rooms has made still open, restore as they did, and go on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import minattn

OLD = Path(__file__).with_name("old_run")


@pytest.fixture(params=["own", "tuned"])
def name(request, tmp_path, monkeypatch):
    """A model of our own, and a fine-tuned BERT; in a folder with their text."""
    shutil.copytree(OLD, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return request.param


def test_an_old_run_restores_what_it_restored(name):
    then = json.loads((OLD / f"{name}.restored.json").read_text(encoding="utf-8"))
    given = " ".join(token["given"] for token in then["tokens"][1:-1]).replace(" ##", "")
    now = minattn.open_run(name).restore(given).to_dict()
    assert [token["restored"] for token in now["tokens"]] == [token["restored"] for token in then["tokens"]]
    confidence = [[token["confidence"] for token in one["tokens"]] for one in (now, then)]
    np.testing.assert_allclose(*confidence, rtol=1e-4)  # float32, whose last bits other kernels round otherwise


def test_an_old_run_goes_on_with_its_optimizer_where_it_stopped(name):
    run = minattn.open_run(name)
    last = run.step
    steps = json.loads(Path(name, "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert steps == last
    run.resume(steps=last + 4, progress=False)
    rows = [json.loads(line) for line in Path(name, "metrics.jsonl").read_text().splitlines()]
    assert run.step == last + 4 and [row["step"] for row in rows[-4:]] == [last + i for i in range(1, 5)]
    rows = [row for row in rows if "loss" in row]  # a fine-tuning has scored the model before its first step
    assert all(np.isfinite(row["loss"]) for row in rows)
    before, after = (np.mean([row["loss"] for row in part]) for part in (rows[-8:-4], rows[-4:]))
    assert after < 1.2 * before  # it does not start anew
