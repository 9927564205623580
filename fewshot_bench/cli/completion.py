"""`fewshot-bench completion`: the script for completion in a shell.

tyro writes the script. It completes commands, options and their choices, but no words without a flag, such as a preset
or a results folder. This file adds names and paths. tests/cli/test_completion.py runs the script in bash.
"""

import importlib
import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

import tyro

Shell = Literal["bash", "zsh", "fish"]


@dataclass(frozen=True)
class Options:
    """Print a script by which your shell completes commands, options, presets, names and files when you press Tab.

    bash: add the line `source <(fewshot-bench completion bash)` to ~/.bashrc.

    zsh: add the line `source <(fewshot-bench completion zsh)` to ~/.zshrc, after compinit.

    fish: `fewshot-bench completion fish > ~/.config/fish/completions/fewshot-bench.fish`, once and after an update.

    Example: fewshot-bench completion bash
    """

    shell: tyro.conf.Positional[Shell]
    """Your shell."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status."""
    print(script(options.shell), end="")
    return 0


def names() -> dict[str, list[str]]:
    """Words of a command -> the names that may follow them without a flag."""
    from fewshot_bench.cli.list import KINDS
    from fewshot_bench.cli.parts import Kind
    from fewshot_bench.data.datasets import DATASETS
    from fewshot_bench.grid.files import presets

    choices: dict[str, Iterable[str]] = {
        "run": presets(),
        "doctor": presets(),
        "list": KINDS,
        "new": get_args(Kind),
        "check": get_args(Kind),
        "data import": DATASETS,
        "data get": DATASETS,
        "data verify": DATASETS,
        "data remove": DATASETS,
        "illustrate": ["imaml"],
        "completion": get_args(Shell),
    }
    return {words: list(names) for words, names in choices.items()}


ADDED_CODE = """
NAMES = {names}
flags_and_choices = get_completions


def get_completions(words, current_word_index, spec):
    word = words[current_word_index] if current_word_index < len(words) else ''
    found = flags_and_choices(words, current_word_index, spec)
    if word.startswith('-'):
        return found + [flag for flag in ['--debug'] if flag.startswith(word)]
    found = [one for one in found if not one.startswith('-')]
    found += [name for name in NAMES.get(' '.join(words[1:current_word_index]), []) if name.startswith(word)]
    return found or ['__TYRO_COMPLETE_FILES__']


"""
"""Python code for tyro's script in any shell. So it has no double quotes, backslashes and dollars."""


def script(shell: str) -> str:
    """tyro's script with names and paths added. The replaced texts are those of tyro 1.0."""
    text = tyro_script(shell)
    text = text.replace("def main() -> None:", ADDED_CODE.format(names=names()) + "def main() -> None:", 1)
    if shell == "bash":  # before a path tyro's puts the words before it, and after a folder a space
        text = text.replace('compgen -f -- "$cur"', 'compgen -f -- "${COMP_WORDS[COMP_CWORD]}"')
        return text + "complete -o filenames -F _tyro_fewshot_bench fewshot-bench\n"
    if shell == "zsh":  # tyro's can only be a file of $fpath; this can also be read by `source`
        call = '_tyro_fewshot_bench "$@"\n'
        called = '[[ "${funcstack[1]}" == _fewshot-bench ]]'
        otherwise = "compdef _tyro_fewshot_bench fewshot-bench"
        return text.rstrip("\n").removesuffix(call.rstrip()) + f"if {called}; then {call}else {otherwise}; fi\n"
    if shell == "fish":  # tyro's leaves the choice among all that may stand here to fish, which would leave out files
        text = text.replace('-c "$pycode" $words $current', '-c "$pycode" $words (commandline -ct) $current')
    return text


def tyro_script(shell: str) -> str:
    """tyro's own script for all commands and their options. Loads the file of every command."""
    from fewshot_bench.cli.main import program

    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        program(options_of).cli(prog="fewshot-bench", args=["--tyro-write-completion", shell, "-"])
    return printed.getvalue()


def options_of(command: str) -> Callable[..., Any]:
    """The class of a command's options."""
    options: Callable[..., Any] = importlib.import_module(f"fewshot_bench.cli.{command}").Options
    return options
