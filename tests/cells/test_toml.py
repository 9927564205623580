"""Parsed piece by piece, a file says what it says to tomllib, whatever was done to it."""

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.cells.config_file import parse_toml
from tests.report.factory import write_cell

ODD = [
    "",
    "a = [\n[1],\n]\n",
    'a = """\n[x]\n"""\nb = 1',
    "a.b = 1\na.c = 2\n[a.d]\nx = 1",
    "a = 1\n[a]\nb = 1",
    "a = 1\na = 2",
    "x = 1\r\n[t]\r\nz = 3\r\n",
    " [t]\na = 1",
    "a = 1 # [x]\n\t[t]\nb = 2\n[[u]]\n[t.v]\n[t]",
    'a = "x\n[t]"',
]
DAMAGE = ['"', '"""', "'''", "[", "]", "\n", "\n[", "=", "{", "}", ".", "#", "\\", "\r", "\r\n", ",", "a = 1\n", ""]


def outcome(loads: Callable[[str], dict[str, Any]], text: str) -> str:
    try:
        return repr(loads(text))
    except ValueError as fault:
        return f"fault: {fault}"


def test_it_is_what_tomllib_says_of_a_file_in_any_state(tmp_path: Path) -> None:
    rng = random.Random(0)
    for whole in [(write_cell(tmp_path, options={"lr": 0.1}) / "config.toml").read_text(), *ODD]:
        for _ in range(150):
            place = rng.randrange(len(whole) + 1)
            text = whole[:place] + rng.choice(DAMAGE) + whole[place + rng.randrange(4) :]
            assert outcome(parse_toml, text) == outcome(tomllib.loads, text)


def test_what_cells_share_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [(write_cell(tmp_path, seed=seed, shots=shots) / "config.toml").read_text()
             for seed in range(20) for shots in (101, 105)]  # fmt: skip
    parsed: list[str] = []

    def counted(text: str, real: Callable[[str], dict[str, Any]] = tomllib.loads) -> dict[str, Any]:
        parsed.append(text)
        return real(text)

    monkeypatch.setattr(tomllib, "loads", counted)
    assert len({repr(parse_toml(text)) for text in texts}) == 40
    assert len(parsed) <= 20 + 2 + 10
