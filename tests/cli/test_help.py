"""Help comes at once, with an example that can be typed; and what a command says when something is wrong.

That help is quick is not timed, so that no busy machine can fail it: nothing that takes long to load is loaded for it.
"""

import dataclasses
import os
import pty
import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot_bench.cli import main as program
from fewshot_bench.cli.completion import options_of
from fewshot_bench.cli.main import COMMANDS, DESCRIPTION, main
from fewshot_bench.cli.parsing import parse
from fewshot_bench.cli.parts import option_meanings
from fewshot_bench.cli.terminal import wrapped

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM, DOCS = CHECKOUT / "run_bench.py", CHECKOUT / "docs"

SLOW = {"torch", "pandas", "pyarrow", "matplotlib", "scipy"}
"""Each takes a quarter of a second or more to load; for all of a help page there is half a second."""


def loaded(*words: str) -> tuple[str, set[str]]:
    """What the program prints in a process of its own, and the top-level packages that it loads for that."""
    command = [sys.executable, "-X", "importtime", PROGRAM, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_nothing_slow(command: str) -> None:
    printed, packages = loaded(command, "--help")
    assert f"usage: fewshot-bench {command}" in printed
    assert {"fewshot_bench", "tyro"} <= packages
    assert not packages & SLOW


def test_help_of_the_program_loads_nothing_slow() -> None:
    printed, packages = loaded("--help")
    assert all(command in printed for command in COMMANDS)
    assert {"fewshot_bench", "tyro"} <= packages
    assert not packages & (SLOW | {"numpy"})


def test_the_reference_of_commands_is_what_help_prints(tmp_path: Path) -> None:
    script, page = DOCS / "site" / "command_reference.py", DOCS / "reference" / "commands.md"
    subprocess.run([sys.executable, script, "--out", tmp_path / "page"], check=True)
    assert (tmp_path / "page").read_bytes() == page.read_bytes(), "run: uv run docs/site/command_reference.py"
    assert all(f"# {words}\n" in page.read_text(encoding="utf-8") for words in WORDS)


def test_what_is_slow_is_seen_when_it_is_loaded() -> None:
    assert "torch" in loaded("list", "learners")[1]


@pytest.mark.parametrize("words", [["--help"], ["report", "--help"], ["list", "learners"], ["data", "list"]])
def test_a_reader_that_has_gone_ends_a_command_without_a_traceback(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as `| head` does when it has seen enough
    try:
        done = subprocess.run([sys.executable, PROGRAM, *words], stdout=writing, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


WORDS = [*COMMANDS, "data import", "data get", "data verify", "data list"]
"""Each command, and each with its subcommands: "data", "data get", ..."""


def examples(page: str) -> list[str]:
    """The commands after `Example:` or `Examples:` in what a command says of itself."""
    found = re.search(r"^Examples?:\s(.*(?:\n  .*)*)$", page, re.MULTILINE)
    return " ".join(found[1].split()).split("; ") if found else []


@pytest.mark.parametrize("words", WORDS)
def test_every_command_has_an_example_that_parses(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*words.split(), "--help"])
    typed = examples(capsys.readouterr().out)
    assert typed
    for line in typed:
        assert line.startswith(f"fewshot-bench {words}")
        _, command, *given = shlex.split(line)
        assert parse(options_of(command), given, command) is not None


def test_the_programs_help_has_an_example_that_parses() -> None:
    (line,) = [one for one in DESCRIPTION.splitlines() if one.startswith("Example: ")]
    first, command, *given = shlex.split(line.removeprefix("Example: "))
    assert first == "fewshot-bench"
    assert parse(options_of(command), given, command) is not None


def options(kind: type) -> Iterator[tuple[type, str]]:
    """Each option of a command, with the dataclass that holds it, those of its groups and subcommands included."""
    for name, hint in typing.get_type_hints(kind).items():
        groups = [one for one in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(one)]
        yield from [option for group in groups for option in options(group)] or [(kind, name)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_is(command: str) -> None:
    assert [name for kind, name in options(options_of(command)) if not option_meanings(kind).get(name)] == []


def help_of(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `--help` prints after these words."""
    with pytest.raises(SystemExit, match="0"):
        main([*words.split(), "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [None, 80, 120])
@pytest.mark.parametrize("words", WORDS)
def test_help_is_as_wide_as_the_terminal(
    words: str, width: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """80 where nothing tells; and the same words as on a page that is wide enough for all of them."""
    monkeypatch.setenv("COLUMNS", "1000")
    wide = help_of(words, capsys)
    monkeypatch.delenv("COLUMNS")
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
    narrow = help_of(words, capsys)
    assert max(map(len, narrow.splitlines())) <= (width or 80)
    assert sorted(words_of(narrow)) == sorted(words_of(wide))


def words_of(page: str) -> list[str]:
    """What is between spaces, but for the borders of boxes."""
    return [word for word in page.split() if set(word) - set("╭╮╰╯─│-")]


@pytest.mark.parametrize("words", WORDS)
def test_help_says_nothing_in_pythons_words(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(words_of(help_of(words, capsys)))
    assert not re.search(r"\b(None|True|False)\b|default: ?\)|default: ''|default: datasets", said)


def test_an_absent_value_has_no_name_of_its_own() -> None:
    assert parse(options_of("cite"), ["results/quick"], "cite").output is None
    assert parse(options_of("cite"), ["results/quick", "--output", "None"], "cite").output == Path("None")


def test_a_usage_that_is_too_long_is_broken_in_a_terminal_too() -> None:
    printed = re.sub("\x1b\\[[0-9;]*m", "", in_a_terminal("check", "--help", COLUMNS="80"))
    assert "[OPTIONS]\r\n  {backbone,inner-optimizer,learner,dataset} STR [KEY=VALUE ...]\r\n" in printed


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "  three"]),
        ("a-long-word-that-stays", 8, ["a-long-word-that-stays"]),
        ("Run `data list` now", 12, ["Run `data", "  list` now"]),
        ("Run `data list` now", 13, ["Run", "  `data list`", "  now"]),
        ("Example: list; list learners", 20, ["Example: list;", "  list learners"]),
        ("gone -> data get omniglot", 20, ["gone ->", "  data get omniglot"]),
    ],
)
def test_commands_stay_whole_where_they_fit_a_line(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width, "  ") == lines


def in_a_terminal(*words: str, **environment: str) -> str:
    """What the program prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | environment
    with subprocess.Popen([sys.executable, PROGRAM, *words], stdout=theirs, stderr=theirs, env=variables) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            printed += part
    os.close(ours)
    assert process.returncode == 0, printed
    return printed.decode()


def test_colours_are_for_terminals_and_can_be_switched_off() -> None:
    coloured = re.compile("\x1b\\[[0-9;]*m")
    assert coloured.search(in_a_terminal("list", "--help"))
    assert not coloured.search(in_a_terminal("list", "--help", NO_COLOR="1"))
    assert not coloured.search(loaded("list", "--help")[0])


def break_it(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Lets a command end with an error."""

    class Module:
        @dataclasses.dataclass
        class Options: ...

        @staticmethod
        def command(options: Options) -> int:
            raise error

    monkeypatch.setattr(program.importlib, "import_module", lambda name: Module)


@pytest.mark.parametrize("words", [["--debug", "list"], ["list", "--debug"], ["list"]])
def test_what_nothing_foresaw_is_a_sentence_and_debug_shows_where_it_is(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(monkeypatch, KeyError("vgg"))
    assert main(words) == 70
    said = capsys.readouterr().err
    assert "error: KeyError: 'vgg'. Nothing foresaw this" in said
    assert ("Traceback" in said) == ("--debug" in words)
    assert ("raise error" in said) == ("--debug" in words)
    assert "--debug" in words or said.count("\n") == 1


def test_a_mistake_has_a_traceback_with_debug_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lits"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown command 'lits' (did you mean 'list'?)")
    assert main(["lits", "--debug"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("error: unknown command 'lits'")
