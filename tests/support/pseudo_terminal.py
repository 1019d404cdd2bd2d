"""Commands in a pseudo-terminal of a given size, and what it shows of them."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from types import SimpleNamespace

from minattn.terminal import columns
from support.small_run import LAUNCHER

END = "\N{SYMBOL FOR END OF TRANSMISSION}"
# As many commands as one likes, one after the other in one process: what is imported once stays.
ONE_BY_ONE = f"""
import json, sys
from minattn.cli import main
for arguments in json.loads(sys.argv[1]):
    code = main(arguments)
    print(f"{END}{{code}}{END}", end="", flush=True)
"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*([A-Za-z])")


def in_terminal(*arguments, cwd, width, height=24, keys=(), stdout=None, launcher=LAUNCHER):
    """Run `minattn` with these arguments in a terminal.

    keys: pairs of what has to be shown, and what is typed then; stdout: another place for the standard output;
    launcher: another program that takes the arguments
    Returns code, text (all that came), lines (as they stand at the end), widest (of a line at any time).
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", launcher, *map(str, arguments)],
        cwd=cwd,
        env=environment | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
    )
    os.close(theirs)
    content, seen, keys, deadline = b"", 0, list(keys), time.monotonic() + 180
    while True:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(content[-2000:])
        if not select.select([ours], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so at the end
            part = b""
        if not part:
            break
        content += part
        if keys and (place := content.find(keys[0][0].encode(), seen)) >= 0:
            os.write(ours, keys.pop(0)[1].encode())
            seen = place + 1
    os.close(ours)
    text = content.decode("utf-8")
    lines, widest = shown(text)
    return SimpleNamespace(code=process.wait(timeout=60), text=text, lines=lines, widest=widest)


def each_in_terminal(commands, cwd, width):
    """Run `minattn` with each of these lists of arguments, one after the other; the same of each, in order."""
    done = in_terminal(json.dumps(commands), cwd=cwd, width=width, launcher=ONE_BY_ONE)
    assert done.code == 0, done.text
    *parts, rest = done.text.split(END)
    assert rest == "" and len(parts) == 2 * len(commands), done.text
    for text, code in zip(parts[::2], parts[1::2], strict=True):
        lines, widest = shown(text)
        yield SimpleNamespace(code=int(code), text=text, lines=lines, widest=widest)


def shown(text):
    """The lines that a terminal without an edge would show, and the width of the widest at any time."""
    lines, line, place, widest = [], "", 0, 0
    while text:
        control = CONTROL.match(text)
        char, text = (control[0], text[control.end() :]) if control else (text[0], text[1:])
        if control and control[1] == "K":
            line = line[:place]
        elif control and control[1] == "J":
            lines, line, place = [], "", 0
        elif char == "\r":
            place = 0
        elif char == "\n":
            lines.append(line)
            line, place = "", 0
        elif not control:
            line = line[:place] + char + line[place + 1 :]
            place += 1
            widest = max(widest, columns(line))
    return [*lines, line] if line else lines, widest
