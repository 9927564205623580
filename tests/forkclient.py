"""Stands in for `python` in a test: the fork server of the tests does the run, and has loaded torch already.

python -I -S tests/forkclient.py SOCKET WORDS...        WORDS as after `python`; files 0 to 2, folder, environment and
                                                        exit status are the run's, and SIGINT and SIGTERM go to it.
"""

import marshal
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence


def ask(
    path: str,
    words: Sequence[str],
    environment: Mapping[str, str],
    files: Sequence[int],
    started: Callable[[int], object] = lambda pid: None,
) -> tuple[int, float]:
    """Has the server run something in the current folder, and waits for its end.

    Args:
        path: the server's socket.
        words: what follows `python` on a command line.
        environment: all of the run's environment.
        files: the run's standard input, output and error.
        started: called with the run's process id.

    Returns:
        The exit status, or minus the signal that ended it; seconds of processor time.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b" "], files)
        folder = os.getcwd()  # noqa: PTH109  # pathlib takes longer to load than all of this
        connection.sendall(marshal.dumps((list(words), folder, dict(environment))))
        with connection.makefile("rb") as answers:
            try:
                started(marshal.load(answers))
                return marshal.load(answers)
            except EOFError:
                raise ConnectionError("the tests' fork server ended before the run did") from None


def main() -> None:
    def forward_to(pid: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: os.kill(pid, number))

    path, *words = sys.argv[1:]
    status, _ = ask(path, words, os.environ, (0, 1, 2), forward_to)
    if status < 0:
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main()
