"""A run folder: what a training leaves on the disk, and how it goes on from there."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from ..errors import InputError
from . import checkpoint as checkpoints
from .checkpoint import Arrays, Checkpoint, Shapes
from .files import (
    files_below,
    identity,
    make_folder,
    naming,
    read_bytes,
    reading,
    similar_path,
    size_of,
    sync_folder,
    write_atomically,
)
from .json_files import check_format, json_ready, read_json
from .metrics import append_row, trim_rows, whole_lines

T = TypeVar("T")
FORMAT, VERSION = "minattn run", 1
CONFIG, TOKENIZER, METRICS, LOCK = "config.json", "tokenizer.json", "metrics.jsonl", ".lock"
MODEL, TEXT, IDS = "model", "text.txt", "text.ids"


class Run:
    """A run folder, made by `Run.create` or found by `Run.open`.

        config.json     everything needed to build the model and the training again
        tokenizer.json
        metrics.jsonl   one JSON object a line
        checkpoints/    step-000400/ with weights.safetensors, optimizer.safetensors and state.json: the newest, from
                        which a training goes on, and the best, which is used; state.json of the newest names it
        figures/
        model/          of a fine-tuning: what transformers and --from open
        text.txt        what it is trained on, where that came through a pipe
        text.ids        the ids of the text; made anew where it is missing or damaged

    One process at a time may write to a run; any number may read meanwhile.

    folder          where it is
    config          the dict that `create` was given
    tokenizer_json  the text of tokenizer.json
    """

    def __init__(self, folder: Path, config: dict[str, Any], tokenizer: bytes) -> None:
        self.folder = folder
        self.config = config
        self.tokenizer_json = tokenizer.decode("utf-8")
        self._tokenizer_sha256 = hashlib.sha256(tokenizer).hexdigest()
        self._made_its_folder = False

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @classmethod
    def create(
        cls, folder: str | os.PathLike[str], config: Mapping[str, Any], tokenizer_json: str, text: bytes | None = None
    ) -> Self:
        """Make a new run.

        folder          a new folder, or one that holds no run
        config          what JSON can hold
        tokenizer_json  the text of the tokenizer's file
        text            what it is trained on, if that is to be kept with it

        Raises InputError where a run or another file is in the way, and RunError where the disk refuses.
        """
        folder, content = Path(folder), _described(config)
        files = {TOKENIZER: tokenizer_json.encode("utf-8")} | ({} if text is None else {TEXT: text})
        is_new = make_folder(folder)
        refuse_occupied(folder, files)
        # config.json comes last: with it the folder is a run.
        for name, data in (files | {CONFIG: content.encode("utf-8")}).items():
            write_atomically(folder / name, data)
        run = cls(folder, json.loads(content)["config"], files[TOKENIZER])
        run._made_its_folder = is_new
        return run

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Find a run; InputError for what is not one, is damaged, or has another format version."""
        folder = Path(folder)
        with reading(folder):
            if not folder.is_dir():
                near = similar_path(folder, lambda place: (place / CONFIG).is_file())
                found = "it is a file" if folder.exists() else f"there is no such folder{near}"
                raise InputError(f"expected a run folder at {folder}, but {found}")
            if not (folder / CONFIG).exists():
                raise InputError(f"{folder} is not a run: it has no {CONFIG}")
        stored = read_json(folder / CONFIG)
        if "format" not in stored and "model_type" in stored:
            raise InputError(f"{folder} holds a pretrained model, no run; use it with minattn embed, deembed or fill")
        check_format(folder / CONFIG, stored, FORMAT, VERSION)
        if not isinstance(stored.get("config"), dict):
            raise InputError(f"{folder / CONFIG} is damaged: it lacks config")
        tokenizer = read_bytes(folder / TOKENIZER)
        try:
            return cls(folder, stored["config"], tokenizer)
        except UnicodeDecodeError as error:
            raise InputError(f"{folder / TOKENIZER} is damaged: byte {error.start} is not UTF-8") from error

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Change the config, as for a training that goes on with more steps. Raises what `create` raises for it."""
        content = _described(config)
        write_atomically(self.folder / CONFIG, content)
        self.config = json.loads(content)["config"]

    @property
    def figures_folder(self) -> Path:
        """Where the figures belong; it may not be there yet."""
        return self.folder / "figures"

    @property
    def metrics_path(self) -> Path:
        """metrics.jsonl, which may not be there yet."""
        return self.folder / METRICS

    @property
    def _checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def saved_steps(self) -> list[int]:
        """The steps that have a whole checkpoint, rising."""
        return list(checkpoints.whole_checkpoints(self._checkpoints))

    def best_step(self) -> int | None:
        """The step of the best checkpoint, None where there is none yet. Raises InputError where it is missing."""
        return checkpoints.best_step(saved) if (saved := checkpoints.whole_checkpoints(self._checkpoints)) else None

    def save(self, step: int, weights: Arrays, optimizer: Arrays, state: Mapping[str, Any]) -> Path:
        """Save a checkpoint; whenever the process is killed, the newest whole checkpoint can be loaded.

        step       optimizer steps made; saving a step again replaces it
        weights    name -> array
        optimizer  name -> array
        state      what JSON can hold; {"best": {"step": …, "score": …}} keeps the checkpoint of that step too

        Returns the checkpoint's folder. Raises RunError where the disk refuses (the previous checkpoint
        stays) and InputError for what cannot be written.
        """
        if step < 0:
            raise InputError(f"save: step must be 0 or more, got {step}")
        make_folder(self._checkpoints)
        place = self._checkpoints / checkpoints.folder_name(step)
        beside = place.with_name(f".{place.name}.tmp")
        with naming(place):
            for leftover in self._checkpoints.glob(".step-*.tmp"):  # of a save that was killed
                shutil.rmtree(leftover)
            try:
                beside.mkdir()
                checkpoints.write_checkpoint(beside, step, weights, optimizer, state, self._belongs_to())
                if place.exists():  # set aside, where it can be loaded until the new one has its name
                    aside = place.with_name(f".{place.name}.old")
                    shutil.rmtree(aside, ignore_errors=True)
                    os.rename(place, aside)
                os.rename(beside, place)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
            sync_folder(self._checkpoints)
            best = state.get("best")
            self._remove_all_but(step, best["step"] if isinstance(best, dict) else step)
        return place

    def load(self, expected: Shapes | None = None, best: bool = False) -> Checkpoint:
        """Load the newest whole checkpoint, or the best one.

        expected  the weights' names and shapes that the caller can use; None takes any
        best      the one to use, rather than the one to go on from; the optimizer's moments are not read

        Returns its arrays, writable and owned by the caller. Raises InputError, naming the file, where there
        is none or it is damaged, of another version, of another tokenizer, or holds other tensors.
        """
        fits = self._belongs_to()
        return self._read(lambda place: checkpoints.read_checkpoint(place, fits, expected, to_resume=not best), best)

    def count_weights(self) -> int:
        """How many numbers the weights of the newest whole checkpoint are. Raises InputError as `load` does."""
        return self._read(checkpoints.count_weights)

    def _read(self, read: Callable[[Path], T], best: bool = False) -> T:
        """What a function makes of the newest whole checkpoint, or the best; a training that runs may replace both."""
        while True:
            found = checkpoints.whole_checkpoints(self._checkpoints)
            if not found:
                raise InputError(f"{self.folder} has no checkpoint yet: its training was stopped before the first one")
            wanted = found[max(found)]
            before = identity(wanted)
            try:
                if best:
                    wanted = found[checkpoints.best_step(found)]
                    before = identity(wanted)
                return read(wanted)
            except InputError:
                if identity(wanted) == before:
                    raise
                # It was replaced while it was read: look again.

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second training of this run out; InputError where another process has it. On Unix only."""
        try:
            import fcntl
        except ImportError:
            yield
            return
        with naming(self.folder):
            file = open(self.folder / LOCK, "a")  # noqa: SIM115
        os.register_at_fork(after_in_child=file.close)  # or a copy of this process that outlives it would have the lock
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{self.folder} is being trained by another process; wait, or stop it") from None
            yield

    @contextlib.contextmanager
    def undone_unless_saved(self) -> Iterator[None]:
        """Take a new run back where the work inside fails before anything is saved; a folder of before stays."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # what stays costs space; the reason why it failed matters more
                if not self.saved_steps():
                    (self.folder / CONFIG).unlink(missing_ok=True)
                    if self._made_its_folder:
                        shutil.rmtree(self.folder)
            raise

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl; NaN and the infinities become null."""
        append_row(self.metrics_path, row)

    def metrics(self) -> list[dict[str, Any]]:
        """The rows that were logged; InputError where the file is damaged elsewhere than in its last line."""
        return [row for _, row in whole_lines(self.metrics_path)]

    def trim_metrics(self, step: int) -> None:
        """Drop the rows after a step, so that a training resumed from there logs each step once."""
        trim_rows(self.metrics_path, step)

    def info(self) -> dict[str, Any]:
        """What is in the run, as JSON can hold it; what is not there yet is None, 0 or []."""
        saved, rows = self.saved_steps(), self.metrics()
        names = [CONFIG, TOKENIZER, METRICS, "checkpoints", "figures"]
        names += [name for name in (MODEL, TEXT, IDS) if (self.folder / name).exists()]
        sizes = {name: size_of(self.folder / name) for name in names}
        return {
            "folder": str(self.folder),
            "config": self.config,
            "parameters": self.count_weights() if saved else None,
            "steps": max((row["step"] for row in rows if "step" in row), default=0),
            "saved_steps": saved,
            "best_step": self.best_step(),
            "metrics": len(rows),
            "figures": sorted(path.name for path in files_below(self.figures_folder)),
            "bytes": sizes | {"total": sum(sizes.values())},
        }

    def _belongs_to(self) -> dict[str, str]:
        """The fingerprints of what a checkpoint is of no use without."""
        return {"tokenizer": self._tokenizer_sha256, "model": checkpoints.fingerprint(self.config.get("model"))}

    def _remove_all_but(self, *steps: int) -> None:
        """Remove the other checkpoints; each loses its name first, so that no name stands for half of one."""
        for name in set(os.listdir(self._checkpoints)) - {*map(checkpoints.folder_name, steps)}:
            if checkpoints.WHOLE.fullmatch(name) or checkpoints.SET_ASIDE.fullmatch(name):
                doomed = self._checkpoints / f".{name.strip('.')}.tmp"
                # One that cannot be removed costs space; the run is safe and goes on.
                with contextlib.suppress(OSError):
                    os.rename(self._checkpoints / name, doomed)
                    shutil.rmtree(doomed)


def _described(config: Mapping[str, Any]) -> str:
    """The content of config.json."""
    stored = {"format": FORMAT, "version": VERSION, "config": json_ready(config, "config")}
    return json.dumps(stored, indent=1, ensure_ascii=False) + "\n"


def refuse_occupied(folder: Path, files: Mapping[str, bytes]) -> None:
    """Refuse a folder in which a new run would overwrite something."""
    if (folder / CONFIG).exists():
        raise InputError(f"{folder} already holds a run; continue it with --resume {folder} or choose another --out")
    if checkpoints.whole_checkpoints(folder / "checkpoints") or (folder / METRICS).exists():
        raise InputError(f"{folder} holds what is left of a run without its {CONFIG}; choose another --out")
    for name, data in files.items():
        if (folder / name).exists() and read_bytes(folder / name) != data:
            raise InputError(f"{folder} holds another {name}, which would be overwritten; choose another --out")
