"""Commands in a pseudo-terminal of a given size, and what it shows of them."""

import fcntl
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

CONTROL = re.compile(r"\x1b\[[0-9;?]*([A-Za-z])")


def in_terminal(*arguments, cwd, width, height=24, keys=(), stdout=None):
    """Run `minattn` with these arguments in a terminal.

    keys: pairs of what has to be shown, and what is typed then; stdout: another place for the standard output
    Returns code, text (all that came), lines (as they stand at the end), widest (of a line at any time).
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *map(str, arguments)],
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
