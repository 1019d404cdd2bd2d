"""Holds the README to what it says: every command in it runs, every Python block works, the op shown is the op shipped.

Run in the checkout, in an environment where minattn is installed. `sh` blocks run in a folder of their own, line by
line; lines that install are left to the caller, and the long training makes fewer steps. `console` blocks are
sessions, whose output is compared.
"""

import contextlib
import doctest
import inspect
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import minattn
from minattn import ops

README = Path("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run_commands(folder: str) -> None:
    """Run what the `sh` blocks say, in order."""
    for line in "".join(blocks("sh")).splitlines():
        command = line.split("  #")[0].strip().removeprefix("pip install -e . && ")
        if not command or command.startswith("pip "):
            continue
        if command == "minattn train":
            command += " --steps 20"  # of 3,000, which would take a third of all the time
        print(f"$ {command}", flush=True)
        place = "." if "benchmarks/" in command else folder
        subprocess.run(command, shell=True, cwd=place, check=True)


def run_sessions() -> None:
    """Run each `console` block as one session; its lines come in this order, where "…" stands for any others."""
    for block in blocks("console"):
        commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        if commands[0].startswith("pip ") and subprocess.run(commands[0], shell=True).returncode:
            print(f"skipped, because this cannot be had: {commands[0]}", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run("\n".join(commands), shell=True, cwd=folder, capture_output=True, text=True)
        printed = iter(done.stdout.splitlines())
        for line in (line for line in block.splitlines() if not line.startswith(("$ ", "…"))):
            if not any(it.startswith(line.rstrip("…")) for it in printed):
                sys.exit(f"README.md shows a line that did not come: {line}\n{done.stdout}{done.stderr}")


def run_python() -> None:
    """Run the sessions as doctests; compare a class that is shown with its source."""
    for block in blocks("python"):
        shown = re.search(r"^class (\w+)", block, re.MULTILINE)
        if shown:
            source = textwrap.dedent(inspect.getsource(getattr(ops, shown[1])))
            if block.strip() != source.strip():
                sys.exit(f"README.md shows another {shown[1]} than minattn.ops has")
        else:
            run_on_a_small_text(block)
    failed = doctest.testfile("README.md", module_relative=False, encoding="utf-8").failed
    if failed:
        sys.exit(f"README.md: {failed} examples give something else than they say")


def run_on_a_small_text(block: str) -> None:
    """Run a block as it stands, but for fewer steps, in a folder where my.txt is the shipped reader's beginning."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        reader = minattn.text.shipped("reader.en.txt").read_text(encoding="utf-8")
        Path("my.txt").write_text(reader[:30_000], encoding="utf-8")
        exec(block.replace("steps=2000", "steps=20"), {"minattn": minattn})


def check_links() -> None:
    """Refuse a link to a file that is not there."""
    for name in ("README.md", "README.zh.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", Path(name).read_text(encoding="utf-8")):
            if not Path(target).exists():
                sys.exit(f"{name} links to {target}, which is not there")


if __name__ == "__main__":
    check_links()
    run_python()
    run_sessions()
    with tempfile.TemporaryDirectory() as name:
        run_commands(name)
