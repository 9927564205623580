"""The command line: the table of commands, and how each ends: an exit status and, after an error, a sentence.

A command is a file of this folder with `Options`, a dataclass whose docstrings are its help, and `command(options)`,
which returns the exit status. Only the file of the given command is loaded.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING, Any

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown

if TYPE_CHECKING:
    from tyro.extras import SubcommandApp

COMMANDS = {
    "run": "train and evaluate the cells of a grid file or preset; the same command again does what is missing",
    "status": "tell how far the cells of a results folder are, who has them, and why some failed",
    "retry": "run the failed cells of a results folder again, as they are or with changes",
    "report": "print the table of a results folder, as the paper lays it out, with the paper's numbers beside it",
    "compare": "say what differs between two results folders or cells: configuration and, paired by task, results",
    "sensitivity": "evaluate a trained cell by other protocols, to see how much of a difference is protocol",
    "cite": "print the BibTeX of what a results folder used",
    "plot": "draw the learned learning rates (and betas) over training",
    "data": "import, download, verify, list or remove datasets, and your own images",
    "list": "say what there is: learners, backbones, inner optimizers, datasets, presets, and their options",
    "new": "write a starting file and its test: a backbone, an inner optimizer or a learner of your own",
    "check": "run on one of these the tests that the package's own pass",
    "audit": "compare gradients of adaptation with known answers: this package's, and other libraries'",
    "illustrate": "draw iMAML in one dimension: its jumps, its derivative, and what noise changes",
    "doctor": "look at this machine, its packages, data and disks, and say what mends what is missing",
    "completion": "print the script by which bash, zsh or fish completes what you type",
}
"""Name -> description, in the order of the help. Each name is that of a file of this folder."""

DESCRIPTION = """Few-shot meta-learning as one grid, with the published numbers beside yours.

Without a command: `run quick`, a small grid on the embedded dataset. run_bench.py is the same program.

More of one, with an example: `fewshot-bench COMMAND --help`. `--debug`, anywhere, shows the traceback of a fault.

Exit status: 0 all done, 1 a cell or test failed, 2 bad name, grid, option, data, folder, 70 a bug, 130 interrupted.

Example: fewshot-bench run gimli-omniglot --dry-run"""

AFTER_INTERRUPTION = {
    "run": "goes on from the last checkpoints",
    "retry": "goes on from the last checkpoints",
    "sensitivity": "measures what is left",
}
"""Commands that can be resumed -> what the same command does after an interruption."""

DEBUG = "--debug"
BUG = 70  # EX_SOFTWARE of <sysexits.h>
CLOSED_PIPE = 141  # a shell's status for a program that a closed pipe ended


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: the words after the program's name; those of this process if absent.

    Returns:
        The exit status: one of those that DESCRIPTION lists, or UNREAD.

    Raises:
        SystemExit: as `parse`, after help (0) and after options that are wrong (2).
    """
    given = sys.argv[1:] if arguments is None else arguments
    words, debug = [word for word in given if word != DEBUG], DEBUG in given
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")  # tyro's name for it; tyro prints help
    name, *_ = words = words or ["run"]
    try:
        try:
            return run_command(words)
        finally:
            sys.stdout.flush()  # flushing can raise BrokenPipeError, too
    except BenchError as error:
        return _failed(2, f"error: {error}", debug)
    except KeyboardInterrupt:
        return _failed(130, f"interrupted; the same command {AFTER_INTERRUPTION.get(name, 'begins again')}", debug)
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter, which flushes as it ends
        return CLOSED_PIPE
    except Exception as error:
        seen = "" if debug else f" The same command with {DEBUG} shows where it comes from."
        what = f"{type(error).__name__}: {error}".rstrip(".: ")
        return _failed(
            BUG, f"error: {what}. Nothing foresaw this: it is a bug here, or the system failed.{seen}", debug
        )


def run_command(words: list[str]) -> int:
    """Runs the command that the first word names, with the others as its options; returns the exit status.

    Raises BenchError if there is no such command, and as `parse` and the command itself do.
    """
    name, *rest = words
    if name in ("-h", "--help", "help"):
        _print_help()
        return 0
    if name not in COMMANDS:
        raise BenchError(unknown("command", name, COMMANDS))
    from fewshot_bench.cli.parsing import parse  # tyro takes a fifth of a second to load

    module = importlib.import_module(f"fewshot_bench.cli.{name}")
    status: int = module.command(parse(module.Options, rest, name))
    return status


def program(options: Callable[[str], Any]) -> "SubcommandApp":
    """All commands as tyro's subcommands. options(command): the class of the command's options."""
    from tyro.extras import SubcommandApp

    app = SubcommandApp()
    for name, description in COMMANDS.items():
        app.command(options(name), name=name, help=description)
    return app


def _print_help() -> None:
    """Prints the list of commands, without loading any of them."""
    from fewshot_bench.cli.parsing import wrapped_stdout

    def no_options() -> None: ...

    with redirect_stdout(wrapped_stdout()), suppress(SystemExit):
        program(lambda _: no_options).cli(prog="fewshot-bench", description=DESCRIPTION, args=["--help"])


def _failed(status: int, sentence: str, debug: bool) -> int:
    """Prints why a command ended, after the traceback with --debug; returns the exit status."""
    if debug:
        traceback.print_exc()
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
