"""`completion`: what a real shell offers after a word, and that it is what the commands take."""

import io
import re
import shutil
import subprocess
import typing
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import tyro

from fewshot_bench.cli.completion import names, options_of
from fewshot_bench.cli.data import Import
from fewshot_bench.cli.main import COMMANDS, main
from fewshot_bench.grid.files import presets
from tests.cli.test_help import WORDS


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the command prints, by shell."""
    folder = tmp_path_factory.mktemp("completion")
    written = {}
    for shell in ("bash", "zsh", "fish"):
        with redirect_stdout(io.StringIO()) as printed:
            assert main(["completion", shell]) == 0
        written[shell] = folder / f"fewshot-bench.{shell}"
        written[shell].write_text(printed.getvalue(), encoding="utf-8")
    return written


ASK = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tyro_fewshot_bench
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
    assert sorted(offered("")) == sorted(COMMANDS)
    assert sorted(offered("re")) == sorted(name for name in COMMANDS if name.startswith("re"))
    assert offered("--d") == ["--debug"]


def test_after_run_come_presets_and_where_none_fits_files(offered):
    assert offered("run", "") == list(presets())
    assert offered("run", "gimli-o") == ["gimli-omniglot"]
    assert offered("run", "min") == ["mine.toml"]


@pytest.mark.parametrize("command", ["report", "plot", "status", "retry"])
def test_elsewhere_come_files_and_folders(offered, command):
    assert sorted(offered(command, "")) == ["mine.toml", "runs"]
    assert offered(command, "ru") == ["runs"]


def test_words_of_a_kind(offered):
    assert offered("completion", "") == ["bash", "zsh", "fish"]
    assert offered("data", "") == ["get", "import", "list", "remove", "verify"]
    assert offered("data", "get", "omni") == ["omniglot"]
    assert offered("data", "verify", "--d") == ["--data-dir", "--debug"]
    assert offered("list", "inner") == ["inner-optimizers"]


def test_what_follows_an_option(offered):
    assert sorted(offered("run", "--out", "")) == ["mine.toml", "runs"]
    assert offered("run", "quick", "--engine", "") == ["inline", "ray"]
    assert "--out" in offered("run", "--dry-run", "--")


@pytest.mark.parametrize("words", WORDS)
def test_every_option_of_the_help_is_offered_and_no_other(words, offered, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*words.split(), "--help"])
    shown = re.findall(r"^[│ ]*((?:-\w, )?--[a-z][\w-]*(?:, --[\w-]+)*)", capsys.readouterr().out, re.MULTILINE)
    told = {flag for line in shown for flag in re.findall(r"--[\w-]+", line)}
    assert set(offered(*words.split(), "--")) == told | {"--debug"}


def choices(kind: type) -> list[str]:
    """What may stand without a flag, where it is one of a few words."""
    found = []
    for hint in typing.get_type_hints(kind, include_extras=True).values():
        marks, bare = getattr(hint, "__metadata__", ()), getattr(hint, "__origin__", hint)
        if tyro.conf.Positional in marks and typing.get_origin(bare) is typing.Literal:
            found += typing.get_args(bare)
    return found


@pytest.mark.parametrize("words", WORDS)
def test_words_without_a_flag_that_the_options_allow_are_those_that_are_offered(words):
    command, *below = words.split()
    kind = {"import": Import}[below[0]] if below == ["import"] else options_of(command)
    if allowed := choices(kind):
        assert names()[words] == allowed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_theirs(scripts, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    subprocess.run([program, "-n", scripts[shell]], check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_program(scripts, shell):
    """A shell's script is a Python program within a few lines of its own: the words it offers are those of bash."""
    begin, end = "COMPLETION_SPEC = ", "def main() -> None:"

    def words(name: str) -> list[str]:
        text = scripts[name].read_text(encoding="utf-8").replace("\\", "")
        return text[text.index(begin) : text.index(end)].split()

    assert words(shell) == words("bash")


def test_zsh_can_read_it_by_source_and_from_a_folder_of_its_path(scripts):
    lines = scripts["zsh"].read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#compdef fewshot-bench"
    assert lines[-2].startswith('if [[ "${funcstack[1]}" == _fewshot-bench ]]; then _tyro_fewshot_bench "$@"')
    assert lines[-1] == "else compdef _tyro_fewshot_bench fewshot-bench; fi"


def test_fish_says_which_word_is_begun(scripts):
    assert "$words (commandline -ct) $current" in scripts["fish"].read_text(encoding="utf-8")


def test_an_unknown_shell_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "tcsh"])
