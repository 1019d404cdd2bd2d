"""A run: its config, metrics, report, tokenizer, text, and the three files of its checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import asdict, fields
from pathlib import Path
from random import Random
from typing import Any

from minattn.pretrained import open_run, train
from minattn.training import run_information
from minattn.training.run_config import model_config, training_config
from minattn.training.start_and_resume import resume_training

from .independent import expect, is_same, json_of, pieces, rows, tensors
from .subjects import TEXT, Subject

STEPS = 4
CHECKPOINT = f"run/checkpoints/step-{STEPS:06}"
RESUMED = 0.05
"""How often a run is gone on with, which takes twenty times as long as to open it."""


def run_subject(folder: Path, pretrained: Path | None = None) -> Subject:
    """A small run of a text, or the fine-tuning of the model in a folder."""
    folder.mkdir()
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    options: dict[str, Any] = {"steps": STEPS, "batch": 4, "threads": 1}
    # a model that only copies: its last step is its best, so that there is one checkpoint
    sizes: dict[str, Any] = {"width": 8, "heads": 2, "layers": 1, "blanks": 0.0} if pretrained is None else {}
    train(folder / "text.txt", out=folder / "run", from_=pretrained, progress=False, **options, **sizes)
    good = json_of(folder / "run" / "config.json")["config"]["model"]
    files = {
        "run/config.json": 6,
        "run/metrics.jsonl": 6,
        "run/tokenizer.json": 3,
        "run/report.json": 1,
        "text.txt": 1,
        f"{CHECKPOINT}/state.json": 6,
        f"{CHECKPOINT}/weights.safetensors": 5,
        f"{CHECKPOINT}/optimizer.safetensors": 2,
    }
    name = "run" if pretrained is None else "fine-tuned run"
    of_the_model = ("this model has", "its weights are too large")  # which is whole, if not as it was
    return Subject(
        name, folder, files, lambda place, rng: load(place, rng, good), sign_anew, writes=True, names=of_the_model
    )


def sign_anew(folder: Path, name: str, rng: Random) -> None:
    """Let state.json vouch for a file that was damaged, as one would who changed it on purpose."""
    path = folder / CHECKPOINT / "state.json"
    if rng.random() < 0.5 or name.endswith("state.json"):
        return
    content, state = (folder / name).read_bytes(), json.loads(path.read_bytes())
    if name.endswith(".safetensors"):
        state["files"][Path(name).name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    elif name.endswith("tokenizer.json"):
        state["tokenizer_sha256"] = hashlib.sha256(content).hexdigest()
    elif name.endswith("config.json"):
        del state["model_sha256"]  # older checkpoints do not vouch for the config
    path.write_text(json.dumps(state))


def load(folder: Path, rng: Random, good: dict[str, Any]) -> None:
    """Look at the run, use it, or go on with it."""
    chance = rng.random()
    if chance < 0.35:
        look_at(folder / "run")
    elif chance < 1 - RESUMED or not is_short(folder / "run" / "config.json"):
        use(folder, good)
    else:
        go_on(folder)


def is_short(config: Path) -> bool:
    """Whether going on is a matter of a moment, or refused: a damaged number of steps may be any."""
    try:
        training = json.loads(config.read_bytes())["config"]["training"]
        return bool(training["steps"] <= 10 * STEPS and training["threads"] <= 2)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True


def look_at(run: Path) -> None:
    """What `minattn info` says."""
    info = run_information(run)
    found = [row for _, row in rows(run / "metrics.jsonl")]
    expect(info["config"] == json_of(run / "config.json")["config"], "info says another config than the file")
    expect(info["metrics"] == len(found), f"info says {info['metrics']} rows, there are {len(found)}")
    expect(info["steps"] == max((row.get("step", 0) for row in found), default=0), f"info says step {info['steps']}")
    check_state(run)
    table = json_of(run / "report.json").get("table") if (run / "report.json").exists() else None
    expect(info["table"] == (table if isinstance(table, str) else None), "info says another table than the report")


def use(folder: Path, good: dict[str, Any]) -> None:
    """What `minattn reconstruct` does."""
    run = folder / "run"
    opened = open_run(run)
    restored = opened.restore("The cat sees the [MASK] house.")
    expect(len(restored.given) == len(restored.restored), "other numbers of tokens")
    state = check_state(run)
    stored = tensors(folder / CHECKPOINT / "weights.safetensors")
    loaded = dict(opened.model.named_parameters())
    expect(loaded.keys() == stored.keys(), "the model has other weights than the file")
    for name, parameter in loaded.items():
        expect(is_same(parameter.data, stored[name]), f"{name} holds other numbers than the file")
    says = json_of(run / "config.json")["config"]
    sizes = {key: value for key, value in says["model"].items() if key != "model_type"}
    expect(is_told_by(model_config(opened.run), sizes), "the model has other sizes than config.json says")
    expect("model_sha256" not in state or says["model"] == good, "config.json describes another model than was trained")
    expect(is_told_by(training_config(opened.run), says["training"]), "the training is another than config.json says")
    content = json_of(run / "tokenizer.json")
    expect(
        opened.tokenizer.pieces == pieces(content["model"]["vocab"], content.get("added_tokens") or []),
        "the tokenizer has other pieces than its file",
    )


def go_on(folder: Path) -> None:
    """What `minattn train --resume` does where the table is all that is left to make."""
    run = folder / "run"
    if (run / "report.json").is_file():
        (run / "report.json").unlink()
    metrics = (run / "metrics.jsonl").read_bytes() if (run / "metrics.jsonl").is_file() else b""
    before = {
        name: _tensors_if_any(folder / CHECKPOINT / name) for name in ("weights.safetensors", "optimizer.safetensors")
    }
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        outcome = resume_training(run, {}, "cpu", nowhere)
    check_state(run)
    steps = json_of(run / "config.json")["config"]["training"]["steps"]
    expect(outcome.step == steps, f"ended at step {outcome.step} of {steps}")
    kept = (run / "metrics.jsonl").read_bytes() if (run / "metrics.jsonl").exists() else b""
    lines = metrics.split(b"\n")[:-1]
    for i, line in enumerate(lines[:-1]):
        if json.loads(line).get("step", 0) <= STEPS:
            expect(line + b"\n" in kept, f"line {i + 1} of metrics.jsonl is lost")
    rows(run / "metrics.jsonl")
    if steps == STEPS:  # nothing was trained
        for name, stored in before.items():
            saved = tensors(folder / CHECKPOINT / name)
            same = saved.keys() == stored.keys() and all(is_same(saved[key], stored[key]) for key in saved)
            expect(same, f"{name} was saved with other numbers than were read")


def is_told_by(config: Any, values: dict[str, Any]) -> bool:
    """Whether a dataclass is what a file says; fields that are younger than a file have the value from before."""
    younger = {f.name: f.metadata["before"] for f in fields(config) if "before" in f.metadata}
    return asdict(config) == younger | values


def check_state(run: Path) -> dict[str, Any]:
    """state.json, which was accepted, and so must be of the step that its folder says."""
    (place,) = (run / "checkpoints").glob("step-*")
    state: dict[str, Any] = json_of(place / "state.json")
    expect(type(state["step"]) is int and place.name == f"step-{state['step']:06}", f"step is {state['step']!r}")
    return state


def _tensors_if_any(path: Path) -> dict[str, Any]:
    try:
        return tensors(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        return {}  # refused, or else not what is saved afterwards
