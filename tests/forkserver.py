"""A process that has loaded torch and the package, and forks itself for each run that a test asks it for.

To load torch takes seconds of processor time; a fork takes hundredths. A run has its own folder, environment, files and
`sys.path`. It sees no state of other runs, since the server itself runs nothing. A test of what a process loads starts
Python instead.
"""

import atexit
import gc
import importlib
import marshal
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MODULES = ["cli.run", "cli.computing", "cli.live", "cli.check", "cli.data", "cli.new", "cli.plot", "cli.report"]
MODULES += ["grid.run", "grid.validation", "grid.shards", "report.tables", "report.plots"]


def load() -> None:
    """Loads what runs need; no operation of torch is run, after which it could not be forked."""
    import pytest  # noqa: F401
    import torch._dynamo  # noqa: F401  # which torch loads when it makes its first Adam

    from fewshot_bench.backbones import BACKBONES
    from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
    from fewshot_bench.learners import LEARNERS

    for name in MODULES:
        importlib.import_module(f"fewshot_bench.{name}")
    for table in (BACKBONES, INNER_OPTIMIZERS, LEARNERS):
        for factory in table.values():
            factory.load()


def asked(listener: socket.socket) -> bool:
    """Waits for a request; False if standard input ended instead."""
    ready, _, _ = select.select([0, listener], [], [])
    return listener in ready


def request(listener: socket.socket) -> list[str] | None:
    """Serves until standard input ends. Returns in each run's own process, with the words that follow `python`."""
    while asked(listener):
        connection, _ = listener.accept()
        with connection, warnings.catch_warnings(action="ignore"):  # of threads that a child would lack
            if os.fork() == 0:
                _, files, _, _ = socket.recv_fds(connection, 1, 3)
                with connection.makefile("rb") as stream:
                    words, folder, environment = marshal.load(stream)
                pid = os.fork()
                if pid == 0:
                    become(folder, environment, files)
                    return words
                connection.sendall(marshal.dumps(pid))
                for file in files:
                    os.close(file)
                _, how, used = os.wait4(pid, 0)
                connection.sendall(marshal.dumps((os.waitstatus_to_exitcode(how), used.ru_utime + used.ru_stime)))
                os._exit(0)
        with suppress(ChildProcessError):  # until none is left
            while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
                pass
    return None


def become(folder: str, environment: dict[str, str], files: list[int]) -> None:
    """Makes this process the run's, but for its program."""
    for ours, theirs in zip(files, (0, 1, 2), strict=True):
        os.dup2(ours, theirs)
        os.close(ours)
    if environment.get("OMP_NUM_THREADS") != os.environ["OMP_NUM_THREADS"]:
        raise SystemExit("OMP_NUM_THREADS is read when torch is loaded: start a process of its own")
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    importlib.invalidate_caches()


def run(words: list[str]) -> None:
    """Runs what `python` would: a file, `-c CODE` or `-m MODULE`."""
    kind, *rest = words
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if kind == "-m":
        sys.argv, sys.path[:0] = rest, [str(Path.cwd()), *folders]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        return
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    if kind == "-c":
        code, name, first = rest.pop(0), "<string>", ""
    else:
        code, name, first = Path(kind).read_text(encoding="utf-8"), kind, str(Path(kind).resolve().parent)
        module.__file__ = kind
    sys.argv, sys.path[:0] = [kind, *rest], [first, *folders]
    exec(compile(code, name, "exec"), vars(module))


def ended(words: list[str]) -> int:
    """Runs it, and does what an interpreter does as it ends, but for freeing memory, which takes long."""
    status: object = None
    try:
        run(words)
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    if status is not None and not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return (status or 0) & 0xFF


@contextmanager
def fork_server() -> Iterator[str]:
    """Starts a server, which loads nothing before it is asked, and ends with the block; gives its socket."""
    with tempfile.TemporaryDirectory(prefix="fewshot-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path := f"{folder}/socket")
        listener.listen()
        words = [sys.executable, "-P", __file__, str(listener.fileno())]  # -P: without a first folder in sys.path
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MPLBACKEND")}
        process = subprocess.Popen(
            words, env=environment | {"OMP_NUM_THREADS": "1"}, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
        )
        listener.close()  # with the server's end, nobody listens
        yield path
        process.stdin.close()
        assert process.wait(600) == 0, "the tests' fork server failed"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(fileno=int(sys.argv[1]))
    if not asked(listener):
        return
    with warnings.catch_warnings(action="ignore"):
        load()
    gc.freeze()  # a collection in a run copies none of these pages
    words = request(listener)
    listener.close()
    os._exit(0 if words is None else ended(words))


if __name__ == "__main__":
    main()
