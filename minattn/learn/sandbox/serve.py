"""The process in which a learner's code runs: it serves one submission, or forks for each one that comes."""

import contextlib
import faulthandler
import math
import os
import select
import signal
import socket
import struct
import sys

from .learner_file import LearnerFile
from .messages import encode, reader, receive
from .restrictions import limit_resources, restrict


def serve(connection: socket.socket) -> None:
    """Take the limits, then answer every request until the connection ends. Does not return."""
    learner_file, read = LearnerFile(), reader(connection)
    try:
        limits = receive(read)
        if hasattr(signal, "alarm"):
            signal.alarm(math.ceil(limits["seconds"]) + 60)  # should nobody be left to end us
            faulthandler.register(signal.SIGUSR1, connection.fileno(), all_threads=False)  # says which line it is at
        limit_resources(limits["seconds"], limits["megabytes"])
        nowhere = os.open(os.devnull, os.O_WRONLY)
        restrict()
        while True:
            request = receive(read)
            answer = learner_file.answer(request)
            if "call" in request:  # it is called many times: what it prints is kept once
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
            connection.sendall(encode(answer))
    finally:  # the connection ended; not held up by threads and exit handlers, and without a traceback of ours
        os._exit(0)


def fork_for_each(control: socket.socket) -> None:
    """Fork for every pair of descriptors that comes, (connection, output); send the fork's number, then its status."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        number = os.fork()
        if number == 0:
            control.close()
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(descriptors[1], 1)
            os.dup2(descriptors[1], 2)
            os.close(descriptors[1])
            serve(socket.socket(fileno=descriptors[0]))
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(struct.pack("<q", number))
        _wait(number, control)  # dead, or to be ended; no other process can get its number yet
        with contextlib.suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)  # whatever it may have started
        control.sendall(struct.pack("<q", os.waitpid(number, 0)[1]))


def _wait(number: int, control: socket.socket) -> None:
    """Wait until a process has ended, or the one that checks is gone."""
    if not hasattr(os, "pidfd_open"):  # on Linux alone
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
        return
    process = os.pidfd_open(number)
    select.select([process, control.fileno()], [], [])
    os.close(process)


def main() -> None:
    """Take from the command line "fork" and the descriptor of a socket, or "serve" and a local port.

    The key of the port is on standard input.
    """
    sys.path.remove(sys.argv[1])  # where this package was found
    mode, number = sys.argv[-2], int(sys.argv[-1])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    if mode == "fork":
        fork_for_each(socket.socket(fileno=number))
    else:
        key = sys.stdin.readline().strip()
        connection = socket.create_connection(("127.0.0.1", number))
        connection.sendall(key.encode())
        serve(connection)
