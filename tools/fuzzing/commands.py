"""Random command lines: every command, with values that are good, bad and odd. No training is longer than a moment."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from minattn.cli import main
from minattn.errors import InputError
from minattn.ops import registry
from minattn.pretrained import BertForMaskedLM, DistilBertModel, train

from .encoder_files import encoder_subject
from .independent import expect
from .outcome import Outcomes, complaint, outcome_of
from .subjects import TEXT
from .text_files import PASS

COUNTS = ("1", "2", "3")
BAD_COUNTS = ("0", "-1", "1.5", "x", "nan", "1e3", "", "９x", "--")
BAD_NUMBERS = ("nan", "inf", "-1", "x", "1e999", "")
ODD_TEXTS = (
    "The cat sees the [MASK] house.",
    "[MASK]",
    "a",
    "狗在火边睡觉。",
    "e\u0301 \U0001f600 \u202e\u200b",
    "  \t ",
    "\x1b[31mred\x07",
    "two\nlines",
    "\udcff",
    "cat " * 300,
    "x" * 100_000,
    "",
    "-",
    "--x",
    "%s {} $HOME",
)
BAD_FILES = (
    "nowhere",
    "empty",
    "text.txt",
    "\udcff",
    "a/b/c",
    "x" * 300,
    "x" * 5000,
    "",
    ".",
    "/dev/null",
    "broken.json",
)
TRAIN = ("--width", "8", "--heads", "2", "--layers", "1", "--batch", "4", "--threads", "1", "--no-figures")
STDIN = (
    b"",
    b"the cat\nthe dog\n",
    b"the cat",
    b"\xff\xfe",
    b"\n\n",
    b"a\x00b\n",
    b"\xef\xbb\xbfthe cat\r\n",
    b"x" * 100_000,
)


@dataclass(frozen=True)
class Line:
    """A command line. code: with what it must end, where that is known: 0, or 2 for what is surely wrong."""

    arguments: list[str]
    stdin: bytes = b""
    code: int | None = None


class Commands:
    """Makes and runs command lines in a folder with everything that they may name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "text.txt").write_text(TEXT, encoding="utf-8")
        (folder / "mine.py").write_text(PASS, encoding="utf-8")
        (folder / "wrong.py").write_text(PASS.replace("1 - t**2", "1 - t"), encoding="utf-8")
        (folder / "syntax.py").write_text("def forward(x:\n", encoding="utf-8")
        (folder / "broken.json").write_text("{", encoding="utf-8")
        (folder / "empty").mkdir()
        options = {"steps": 2, "width": 8, "heads": 2, "layers": 1, "batch": 4, "threads": 1}
        train(folder / "text.txt", out=folder / "run", progress=False, **options)  # type: ignore[arg-type]
        encoder_subject(folder / "bert", BertForMaskedLM, "F32")
        encoder_subject(folder / "distil", DistilBertModel, "F16")
        with self.inside(b""):
            main(["learn", "init", "course"])

    def line(self, rng: Random) -> Line:
        """A random command line."""
        makers = (
            (self.train, 5),
            (self.encoder, 18),
            (self.of_run, 12),
            (self.vocab, 8),
            (self.check, 8),
            (self.learn, 12),
            (self.nonsense, 12),
        )
        (make,) = rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])
        return make(rng)

    def train(self, rng: Random) -> Line:
        """A training of one step or two, or one that is refused."""
        new = ["--out", f"new-{rng.randrange(10**9)}"]
        arguments = ["train", "text.txt", *TRAIN, "--steps", rng.choice(("1", "2")), *new]
        match rng.randrange(6):
            case 0:
                return Line(arguments, code=0)
            case 1:
                option = rng.choice(
                    ("--steps", "--width", "--heads", "--batch", "--save-every", "--threads", "--vocab-size")
                )
                return Line([*arguments, option, rng.choice(BAD_COUNTS)], code=2)
            case 2:
                return Line([*arguments, rng.choice(("--lr", "--blanks")), rng.choice(BAD_NUMBERS)], code=2)
            case 3:
                arguments[1] = rng.choice([name for name in BAD_FILES if name != "text.txt"])
                return Line(arguments, code=2)
            case 4:
                return Line(["train", "--resume", rng.choice([*BAD_FILES, "bert", "course"])], code=2)
            case _:
                option = rng.choice(("--positions", "--device", "--freeze", "--colour", "--from", "--seed"))
                return Line([*arguments, option, rng.choice(("round", "x" * 1000, "\udcff", "", "empty"))], code=2)

    def encoder(self, rng: Random) -> Line:
        """embed, deembed and fill."""
        command = rng.choice(("embed", "deembed", "fill"))
        folder = rng.choice(("bert", "distil", *BAD_FILES, "run"))
        text = rng.choice(ODD_TEXTS)
        options: list[str] = []
        if rng.random() < 0.3:
            options += rng.choice((["--truncate"], ["--json"], ["--textbook"], ["--colour"]))
        if rng.random() < 0.3:
            option, values = rng.choice(
                (
                    ("--threads", (*COUNTS, *BAD_COUNTS)),
                    ("--top", (*COUNTS, *BAD_COUNTS, "9" * 30)),
                    ("--out", BAD_FILES),
                )
            )
            options += [option, rng.choice(values)]
        good = folder in ("bert", "distil") and text == ODD_TEXTS[0] and not options
        code = None if folder in ("bert", "distil") else 2
        if good and (command, folder) != ("fill", "distil"):
            code = 0
        return Line([command, folder, text, *options], rng.choice(STDIN), code)

    def of_run(self, rng: Random) -> Line:
        """info and reconstruct."""
        run = rng.choice(("run", "run", *BAD_FILES, "bert"))
        json = ["--json"] if rng.random() < 0.3 else []
        if rng.random() < 0.4:
            return Line(["info", run, *json], code=0 if run == "run" else 2)
        text = rng.choice(ODD_TEXTS)
        code = 2 if run != "run" else 0 if text == ODD_TEXTS[0] else None
        return Line(["reconstruct", text, "--run", run, *json], code=code)

    def vocab(self, rng: Random) -> Line:
        """A vocabulary."""
        text = rng.choice(("text.txt", *BAD_FILES))
        size = rng.choice(("80", "200", "5", "100000", *BAD_COUNTS))
        out = rng.choice((f"vocab-{rng.randrange(10**9)}", *BAD_FILES))
        good = text == "text.txt" and size in ("80", "200") and out.startswith("vocab-")
        bad = text not in ("text.txt", "broken.json") or size in ("5", *BAD_COUNTS)
        return Line(["vocab", text, "--size", size, "--out", out], code=0 if good else 2 if bad else None)

    def check(self, rng: Random) -> Line:
        """A backward pass in a file, or a registered op."""
        options = rng.choice(([], ["--json"], ["--curve"], ["--colour"]))
        small = [name for name in registry if name in ("Add", "Exp", "Softmax", "Tanh", "GELU", "Concat")]
        target = rng.choice(
            ("mine.py", "wrong.py", "syntax.py", "mine.py:Nothing", "sofmax", *small, *BAD_FILES, ".py", ":")
        )
        codes = {"mine.py": 0, "wrong.py": 1, "syntax.py": 2, "mine.py:Nothing": 2, "sofmax": 2}
        code = 2 if options == ["--colour"] else codes.get(target, 0 if target in small else 2)
        return Line(["check", target, *options], code=code)

    def learn(self, rng: Random) -> Line:
        """Exercises, of which the slow ones are seldom run."""
        there = rng.choice((["--dir", "course"], ["--dir", "course"], [], ["--dir", rng.choice(BAD_FILES)]))
        name = rng.choice(("softmax", "1", "09_softmax.py", "0", "99", "-1", "sofmax", "x" * 1000, "\udcff", "", "*"))
        match rng.randrange(8):
            case 0:
                return Line(["learn", "list", *there], code=0 if "course" in there else 2)
            case 1:
                return Line(["learn", "hint", name, *there], code=2 if "course" not in there else None)
            case 2:
                return Line(["learn", "solution", name, *there], code=2 if "course" not in there else None)
            case 3:
                return Line(["learn", "reset", name, *there, *rng.choice(([], ["--yes"]))])
            case 4:
                return Line(["learn", "init", rng.choice(("course", "text.txt", "", "x" * 5000, "\udcff"))])
            case 5:
                seconds = rng.choice(("0", "-1", "nan", "inf", "x", "", "1e9"))
                return Line(["learn", "check", name, *there, "--seconds", seconds], code=2)
            case 6:
                seed = ["--seed", rng.choice(("-1", "x", "1.5", "", "9" * 30))]
                folder = rng.choice(("nowhere", "text.txt", "x" * 5000))
                return Line(
                    ["learn", "grade", folder, "--csv", "g.csv", "--only", rng.choice((name, "softmax,", ",")), *seed]
                )
            case _:
                return Line(["learn", "check", name, *there], code=2 if "course" not in there else None)

    def nonsense(self, rng: Random) -> Line:
        """Words that are no command, options that belong elsewhere, and anything at all."""
        commands = (
            "train",
            "reconstruct",
            "vocab",
            "info",
            "check",
            "learn",
            "embed",
            "deembed",
            "fill",
            "trian",
            "Train",
        )
        words = (*commands, "--help", "--version", "-h", "--json", "--", "-", *ODD_TEXTS, *BAD_FILES, *BAD_COUNTS)
        arguments = [rng.choice(words) for _ in range(rng.randint(0, 5))]
        # No text means the shipped reader, which takes a minute; --all and watching are for people.
        if not arguments or arguments[0] in ("train", "check"):
            arguments = ["--steps", *arguments]
        return Line(arguments, rng.choice(STDIN))

    def run(self, line: Line) -> None:
        """Run a command line. Raises WrongAcceptance for a wrong code, and for a refusal that is no sentence.

        Raises InputError where it was refused, rightly as far as can be told.
        """
        with self.inside(line.stdin) as (out, err):
            code = main(line.arguments)
        said = err.getvalue()
        expect(code in (0, 1, 2), f"ended with {code}")
        expect("Traceback" not in said + out.getvalue(), said)
        if line.code is not None:
            expect(code == line.code, f"ended with {code}, not {line.code}: {said[-300:]}")
        if code == 2 or (code == 1 and not out.getvalue()):
            last = said.rstrip("\n").rpartition("\n")[2]
            expect(last.startswith("minattn: "), f"no sentence: {said[-300:]}")
            problem = complaint(last, of_code="check" in line.arguments)
            expect(not problem, f"a sentence that {problem}: {last[:300]}")
            expect(not any(ord(sign) < 32 for sign in last), f"a sentence with control characters: {last!r}")
            raise InputError(last)

    def try_once(self, rng: Random, outcomes: Outcomes, seed: str) -> None:
        """Run one random command line, note what came of it, and put away what it made."""
        line = self.line(rng)
        kind, detail = outcome_of(lambda: self.run(line), of_code=True)  # complaints are made there
        shown = " ".join(f"{argument[:60]!a}" for argument in line.arguments)
        outcomes.note(kind, f"command {shown}, standard input {line.stdin[:20]!r}, {seed}", detail)
        for path in self.folder.glob("*-[0-9]*"):
            shutil.rmtree(path)

    @contextlib.contextmanager
    def inside(self, stdin: bytes) -> Iterator[tuple[io.StringIO, io.StringIO]]:
        """In the folder, with what stands for the three streams of a terminal."""
        before, there = sys.stdin, Path.cwd()
        out, err = io.StringIO(), io.StringIO()
        os.chdir(self.folder)
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield out, err
        finally:
            sys.stdin = before
            os.chdir(there)
