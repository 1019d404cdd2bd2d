"""What `minattn train` makes of other texts: twenty kinds, made here or taken from this system, and what came out.

    python benchmarks/texts.py                            all, a minute each beside scoring and reading
    python benchmarks/texts.py code log --minutes 0.2     some

For each text what was trained on, the rows of its table, and what the program said of it. Texts that this system does
not have are left out.
"""

import argparse
import contextlib
import io
import json
import random
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from minattn.errors import InputError, RunError
from minattn.text import shipped
from minattn.training import train_new_model

ROWS = ("commonest token", "both neighbours, counted", "trained, attention switched off", "trained")
WORDS = [
    *("sun", "river", "stone", "old", "child", "bread", "winter", "road", "light"),
    *("hand", "door", "glass", "field", "bird", "song", "rain", "house", "night"),
]


def reader(language: str) -> list[str]:
    """The sentences of a shipped reader, without titles."""
    lines = shipped(f"reader.{language}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def files(folder: str | Path, pattern: str, most: int) -> list[str]:
    """The lines of files of this system, at most so many characters."""
    text = ""
    for path in sorted(Path(folder).glob(pattern)):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text += path.read_text(encoding="utf-8")
        if len(text) > most:
            break
    return text[:most].splitlines()


def made(line: Callable[[random.Random, int], str], count: int) -> list[str]:
    """Lines from a rule and random numbers, always the same ones."""
    rng = random.Random(1)
    return [line(rng, i) for i in range(count)]


def log_line(rng: random.Random, i: int) -> str:
    level, what = rng.choice(["INFO", "INFO", "WARNING", "ERROR"]), rng.choice(["read", "write", "open", "close"])
    end = "failed: disk is full" if level == "ERROR" else f"took {rng.randrange(900)} ms"
    return (
        f"2026-03-{i // 400 % 28 + 1:02} {i // 60 % 24:02}:{i % 60:02} {level} worker-{rng.randrange(8)} {what} {end}"
    )


def recipe_line(rng: random.Random, i: int) -> str:
    thing, amount = (
        rng.choice(["flour", "butter", "sugar", "milk", "salt"]),
        rng.choice(["a cup", "two spoons", "some"]),
    )
    return rng.choice([f"Add {amount} of {thing} and stir.", f"Warm the {thing} for {rng.randrange(2, 30)} minutes."])


def verse(rng: random.Random, i: int) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randrange(3, 7))) + rng.choice([",", ".", ";"])


def nested(rng: random.Random, i: int) -> str:
    return json.dumps({"id": i, "name": rng.choice(WORDS), "tags": rng.sample(WORDS, 2), "ok": rng.random() < 0.8})


def foreign(rng: random.Random, i: int) -> str:
    letters = rng.choice(["αβγδεζηθ", "абвгдежз", "אבגדהוזח", "กขคงจฉชซ"])
    return " ".join("".join(rng.choices(letters, k=rng.randrange(2, 6))) for _ in range(6))


def lines_of(english: list[str], chinese: list[str]) -> dict[str, Callable[[], Iterable[str]]]:
    """The texts by name, made when they are wanted."""
    library = sysconfig.get_paths()["stdlib"]
    mixed = [line for pair in zip(english, chinese, strict=False) for line in pair]
    return {
        "20-lines": lambda: english[:20],
        "100-lines": lambda: english[:100],
        "1000-lines": lambda: english[:1000],
        "chinese-200": lambda: chinese[:200],
        "chinese-one-line": lambda: ["".join(chinese)],
        "mixed-scripts": lambda: mixed,
        "code": lambda: files(library, "*.py", 400_000),
        "headers": lambda: files("/usr/include", "*.h", 400_000),
        "licences": lambda: files("/usr/share/common-licenses", "*", 400_000),
        "log": lambda: made(log_line, 5000),
        "recipes": lambda: made(recipe_line, 2000),
        "verses": lambda: made(verse, 3000),
        "json": lambda: made(nested, 3000),
        "table": lambda: made(lambda rng, i: ",".join(str(rng.randrange(1000)) for _ in range(6)), 3000),
        "other-letters": lambda: made(foreign, 3000),
        "emoji": lambda: made(lambda rng, i: "".join(rng.choices("😀🎉🌧🔥🍞🚲🌙⭐", k=8)), 1000),
        "noise": lambda: made(lambda rng, i: " ".join(f"{rng.getrandbits(40):x}" for _ in range(5)), 2000),
        "one-sentence": lambda: [english[0]] * 500 + english[1:40],
        "line-of-10-MB": lambda: [" ".join(english * 40)[: 10 << 20]],
        "50-MB": lambda: (
            " ".join(rng.sample(line.split(), len(line.split())))
            for rng in [random.Random(2)]
            for _ in range(180)
            for line in english
        ),
    }


def train(name: str, lines: Iterable[str], minutes: float, folder: Path) -> str:
    """Train on a text; a row of the table, and below it what was said beside the usual."""
    path = folder / f"{name}.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    stream, started = io.StringIO(), time.monotonic()
    options = {"out": str(folder / name), "minutes": minutes}
    try:
        outcome = train_new_model(str(path), options, "cpu", stream)
    except (InputError, RunError) as error:
        return f"| {name} | refused: {error} |"
    scores = outcome.scores.scores
    cells = [f"{len(outcome.data.training):,}", f"{outcome.data.tokenizer.vocab_size:,}", f"{outcome.step:,}"]
    cells += [f"{time.monotonic() - started:.0f} s", scores["trained"].shares()[0]]
    cells += [scores[row].shares()[1] for row in ROWS]
    said = [line for line in stream.getvalue().split("\n") if any(word in line for word in REMARKS)]
    return "\n".join([f"| {name} | {' | '.join(cells)} |", *(f"    {line}" for line in said)])


REMARKS = ("text would help", "very small", "lost as", "by heart", "counting", "were cut")
"""Words of the sentences that the program says where something is to be known of a text."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    texts = lines_of(reader("en"), reader("zh"))
    options.add_argument("texts", nargs="*", metavar="TEXT", help=f"of {', '.join(texts)} (all)")
    options.add_argument("--minutes", type=float, default=1.0)
    options = options.parse_args()
    if unknown := [name for name in options.texts if name not in texts]:
        raise SystemExit(f"there is no text {unknown[0]!r}; there are {', '.join(texts)}")
    print(f"| text | sentences | pieces | steps | time | copied | {' | '.join(ROWS)} |\n|{'---|' * 10}")
    for name in options.texts or texts:
        with tempfile.TemporaryDirectory() as folder:
            lines = texts[name]()
            if isinstance(lines, list) and not lines:
                print(f"| {name} | this system has none |", flush=True)
                continue
            print(train(name, lines, options.minutes, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
