"""The command line: finds the command, prints what a fault says, sets the exit status. Commands load when called."""

import importlib
import os
import sys
import traceback

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown

COMMANDS = {
    "run": "train and evaluate the cells of a grid file or preset; the same command again does what is missing",
    "status": "tell how far the cells of a results folder are, who has them, and why some failed",
    "retry": "run the failed cells of a results folder again, as they are or with changes",
    "report": "print the table of a results folder, as the paper lays it out, with the paper's numbers beside it",
    "compare": "say what differs between two results folders or cells: configuration and, paired by task, results",
    "sensitivity": "evaluate a trained cell by other protocols, to see how much of a difference is protocol",
    "cite": "print the BibTeX of what a results folder used",
    "plot": "draw the learned learning rates (and betas) over training",
    "data": "import, download, verify or list the datasets",
    "list": "say what there is: learners, backbones, inner optimizers, datasets, presets, and their options",
    "new": "write a starting file and its test: a backbone, an inner optimizer or a learner of your own",
    "check": "run on one of these the tests that the package's own pass",
    "audit": "compare gradients of adaptation with known answers: this package's, and other libraries'",
    "illustrate": "draw iMAML in one dimension: its jumps, its derivative, and what noise changes",
    "doctor": "look at this machine, its packages, data and disks, and say what mends what is missing",
    "completion": "print the script by which bash, zsh or fish completes what you type",
}
"""Name -> what it does. Each is a module of this package with a function `command(arguments) -> exit status`."""

USAGE = """usage: fewshot-bench COMMAND [OPTIONS]        (run_bench.py is the same program)

{commands}

Without a command: `run quick`, a small grid on the embedded dataset.
Example: fewshot-bench run gimli-omniglot --dry-run
`fewshot-bench COMMAND --help` tells more, with an example. `--debug`, anywhere, shows the traceback of a fault.
Exit status: 0 all done, 1 a cell or test failed, 2 bad name, grid, option, data, folder, 70 a bug, 130 interrupted."""

AFTER_INTERRUPTION = {
    "run": "goes on from the last checkpoints",
    "retry": "goes on from the last checkpoints",
    "sensitivity": "measures what is left",
}
"""Commands that can be resumed -> what the same command does after an interruption."""

DEBUG = "--debug"
BUG = 70  # EX_SOFTWARE of <sysexits.h>
UNREAD = 141  # what a shell says of a program that a closed pipe ended


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; its exit status is one of those that USAGE lists, or UNREAD."""
    given = sys.argv[1:] if arguments is None else arguments
    words, debug = [word for word in given if word != DEBUG], DEBUG in given
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")  # tyro's own name for it; tyro prints help
    name, *rest = words or ["run"]
    try:
        status = _status(name, rest)
        sys.stdout.flush()  # what is still held back can find its reader gone too
        return status
    except BenchError as error:
        return _ended(2, f"error: {error}", debug)
    except KeyboardInterrupt:
        return _ended(130, f"interrupted; the same command {AFTER_INTERRUPTION.get(name, 'begins again')}", debug)
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone; nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter, which flushes as it ends
        return UNREAD
    except Exception as error:
        seen = "" if debug else f" The same command with {DEBUG} shows where it comes from."
        what = f"{type(error).__name__}: {error}".rstrip(".: ")
        return _ended(BUG, f"error: {what}. Nothing foresaw this: it is a bug here, or the system failed.{seen}", debug)


def _status(name: str, words: list[str]) -> int:
    """Runs a command by its name; returns its exit status. Raises BenchError for a name that there is not."""
    if name in ("-h", "--help", "help"):
        print(USAGE.format(commands="\n".join(f"  {key:12}{text}" for key, text in COMMANDS.items())))
        return 0
    if name not in COMMANDS:
        raise BenchError(unknown("command", name, COMMANDS))
    status: int = importlib.import_module(f"fewshot_bench.cli.{name}").command(words)
    return status


def _ended(status: int, sentence: str, debug: bool) -> int:
    """Says why a command ended, under the traceback where that is asked for; returns the exit status."""
    if debug:
        traceback.print_exc()
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
