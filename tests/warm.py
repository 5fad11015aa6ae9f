"""Command lines run by copies of a process that has the program loaded: starting one takes long.

``python warm.py FOLDER`` loads the program and what it rehearses, then makes FOLDER/orderparams: a
command that hands its arguments, folder, environment and streams over, passes signals on and ends
as the copy ends that ran the line.
"""

import atexit
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

COMMAND = """#!{python} -SE
import os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
socket.send_fds(server, [b"-"], [0, 1, 2])
variables = (f"{{name}}={{value}}" for name, value in os.environ.items())
texts = [os.getcwd(), str(len(sys.argv)), *sys.argv, *variables]
server.sendall("\\0".join(texts).encode("utf-8", "surrogateescape"))
server.shutdown(socket.SHUT_WR)
answers = server.makefile()
worker = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(worker, number))
status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""

ENVIRONMENT = {"MPLBACKEND": "Agg", "PYTHONFAULTHANDLER": "1"}
"""Of the commands of pages."""

FEW = ("-s", "training.duration=1", "-s", "output.points=3", "-q")
SGD = ("-s", "simulation.dimension=50", "-s", "simulation.replicas=1")
REHEARSED = (
    ("solve", *FEW, "-o", "run.h5"),
    ("simulate", *FEW, *SGD, "-o", "sgd.h5"),
    ("plot", "run.h5", "-o", "run.png"),
    ("export", "run.h5", "--to", "csv"),
    ("evaluate",),
)
"""What loads nearly all that pages need."""


@contextmanager
def warm(folder):
    """FOLDER/orderparams while the context lasts."""
    line = [sys.executable, "-P", __file__, str(folder)]
    environment = os.environ | ENVIRONMENT
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


def serve(folder):
    """Rehearse, then run what is asked for."""
    from orderparams.__main__ import main

    home = os.getcwd()
    os.chdir(folder)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for arguments in REHEARSED:
            sys.argv = ["orderparams", *arguments]
            assert not status(main), arguments
    os.chdir(home)
    assert threading.active_count() == 1, "threads are not copied"
    gc.freeze()
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        command = folder / "orderparams"
        command.write_text(COMMAND.format(python=sys.executable, address=address))
        command.chmod(0o755)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                answer(connection, main)
                os._exit(0)
            connection.close()


def answer(connection, main):
    """Run one command line in a copy, and say what became of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(connection, 1, 3)
    texts = connection.makefile(encoding="utf-8", errors="surrogateescape").read().split("\0")
    worker = os.fork()
    if worker == 0:
        connection.close()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        folder, count, *texts = texts
        os.chdir(folder)
        sys.argv, variables = texts[: int(count)], texts[int(count) :]
        os.environ.clear()
        os.environ.update(variable.split("=", 1) for variable in variables)
        sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
        code = status(main)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)  # at once: to clear up is to copy all memory first
    connection.sendall(f"{worker}\n".encode())
    _, ended = os.waitpid(worker, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(ended)}\n".encode())


def status(main):
    """Run the program; what it ends with."""
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    except BaseException:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
