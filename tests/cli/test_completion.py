"""`completion`: what a real shell offers after a word, and that it is what the commands take."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fewshot_bench.cli.command_words import places
from fewshot_bench.cli.main import COMMANDS, main
from fewshot_bench.grid.files import presets

ALL = places(list(COMMANDS))


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the command prints, by shell."""
    folder = tmp_path_factory.mktemp("completion")
    written = {}
    for shell in ("bash", "zsh", "fish"):
        with pytest.MonkeyPatch.context() as patch:
            printed: list[str] = []
            patch.setattr("builtins.print", lambda text, **_: printed.append(text))  # noqa: B023
            assert main(["completion", shell]) == 0
        written[shell] = folder / f"fewshot-bench.{shell}"
        written[shell].write_text("".join(printed), encoding="utf-8")
    return written


ASK = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fewshot_bench
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def offered(scripts, tmp_path):
    """What bash offers for the last of these words, in a folder with the folder `runs` and the file `mine.toml`."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "mine.toml").touch()

    def ask(*words: str) -> list[str]:
        command = ["bash", "--norc", "-c", ASK, "bash", scripts["bash"], "fewshot-bench", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert not done.stderr
        return done.stdout.split()

    return ask


def test_commands_come_first(offered):
    assert offered("") == list(COMMANDS)
    assert offered("re") == [name for name in COMMANDS if name.startswith("re")]
    assert offered("--d") == ["--debug"]


def test_after_run_come_presets_and_files(offered):
    assert sorted(offered("run", "")) == sorted([*presets(), "mine.toml", "runs"])
    assert offered("run", "gimli-o") == ["gimli-omniglot"]
    assert offered("run", "m") == [*(name for name in presets() if name.startswith("m")), "mine.toml"]


@pytest.mark.parametrize("command", ["report", "plot", "status", "retry"])
def test_elsewhere_come_folders(offered, command):
    assert offered(command, "") == ["runs"]


def test_words_of_a_kind(offered):
    assert offered("completion", "") == ["bash", "zsh", "fish"]
    assert offered("data", "") == ["import", "get", "verify", "list"]
    assert offered("data", "get", "omni") == ["omniglot"]
    assert offered("data", "verify", "--d") == ["--data-dir", "--debug"]
    assert offered("list", "inner") == ["inner-optimizers"]


def test_what_follows_an_option(offered):
    assert sorted(offered("run", "--out", "")) == ["mine.toml", "runs"]
    assert offered("run", "quick", "--engine", "") == ["inline", "ray"]
    assert offered("run", "--seed", "") == []
    assert "--out" in offered("run", "--dry-run", "--")


@pytest.mark.parametrize("place", ALL, ids=lambda place: place.words)
def test_every_option_of_the_help_is_offered_and_no_other(place, offered, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*place.words.split(), "--help"])
    shown = re.findall(r"^[│ ]*((?:-\w, )?--[a-z][\w-]*(?:, --[\w-]+)*)", capsys.readouterr().out, re.MULTILINE)
    told = {flag for line in shown for flag in re.findall(r"--[\w-]+", line) if not flag.startswith("--no-")}
    assert set(offered(*place.words.split(), "--")) == told | {"--help", "--debug"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_theirs(scripts, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    subprocess.run([program, "-n", scripts[shell]], check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_words(scripts, shell):
    text = scripts[shell].read_text(encoding="utf-8")
    flag = "-l {}" if shell == "fish" else "--{}"
    for place in ALL:
        line = [line for line in text.splitlines() if place.words in line]
        for argument in place.flags:
            assert any(flag.format(argument.flag[2:]) in one for one in line), argument
        for word in place.names:
            assert any(word in one for one in line), word


def test_an_unknown_shell_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "tcsh"])
