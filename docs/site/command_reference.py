"""Writes docs/reference/commands.md: every command with its help, as `--help` prints it.

    uv run docs/site/command_reference.py [--out FILE]

tests/cli/test_help.py writes it again and compares, so the page is never out of date.
"""

import argparse
import io
import os
import re
from contextlib import redirect_stdout, suppress
from pathlib import Path

from fewshot_bench.cli.main import main

PAGE = Path(__file__).resolve().parents[1] / "reference" / "commands.md"
WIDTH = "100"  # columns

HEAD = """# Commands

Every command and its options, as `fewshot-bench COMMAND --help` prints them. `run_bench.py` is the same program.
[completion](#completion) tells how your shell completes them when you press Tab.

Written by `uv run docs/site/command_reference.py`; a test writes it again and compares.
"""


def help_of(*words: str) -> str:
    """What `--help` prints after these words; on a stream without an encoding tyro draws rules in place of boxes."""
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        main([*words, "--help"])
    text = re.sub(r" +$", "", printed.getvalue(), flags=re.MULTILINE).replace("•", "-")
    return re.sub(r"^ (\w[\w ]*)\n -{9,}$", r"\1:", text, flags=re.MULTILINE).strip()


def below(*words: str) -> list[str]:
    """The commands that may follow these words, in the order of their help."""
    _, _, listed = help_of(*words).partition("\nsubcommands:\n")
    return re.findall(r"^ +- (\S+)", listed, re.MULTILINE)


def page() -> str:
    """The whole page."""
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    parts = [HEAD, f"```text\n{help_of()}\n```\n"]
    for command in below():
        parts.append(f"## {command}\n\n```text\n{help_of(command)}\n```\n")
        parts += [f"### {command} {one}\n\n```text\n{help_of(command, one)}\n```\n" for one in below(command)]
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes the page of all commands.")
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.parse_args().out.write_text(page(), encoding="utf-8")
