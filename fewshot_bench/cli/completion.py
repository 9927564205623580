"""`fewshot-bench completion`: the script by which a shell completes what is typed."""

from dataclasses import dataclass
from typing import Literal

import tyro

from fewshot_bench.cli.parsing import parse


@dataclass(frozen=True)
class Options:
    """Print a script by which your shell completes commands, options, presets, names and folders when you press Tab.

    bash: add the line `source <(fewshot-bench completion bash)` to ~/.bashrc.

    zsh: add the line `source <(fewshot-bench completion zsh)` to ~/.zshrc, after compinit.

    fish: `fewshot-bench completion fish > ~/.config/fish/completions/fewshot-bench.fish`, once and after an update.

    Example: fewshot-bench completion bash
    """

    shell: tyro.conf.Positional[Literal["bash", "zsh", "fish"]]
    """Your shell."""


def command(args: list[str]) -> int:
    """Runs the command with the arguments after its name; returns the exit status."""
    options = parse(Options, args, "completion")
    from fewshot_bench.cli.command_words import places  # reads every other command
    from fewshot_bench.cli.main import COMMANDS
    from fewshot_bench.cli.shells import SHELLS

    print(SHELLS[options.shell](COMMANDS, places(list(COMMANDS))), end="")
    return 0
