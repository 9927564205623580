"""`fewshot-bench audit`, as a user meets it."""

import json

import pytest

from fewshot_bench.audit import rows
from fewshot_bench.audit.row import OURS, AuditRow
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import run_command


def test_a_table_is_printed_and_written(tmp_path, capsys):
    assert run_command(["audit", "--only", "zero-order", "--out", str(tmp_path / "audit")]) == 0
    printed = capsys.readouterr().out
    assert 'zero_order("naive")' in printed
    assert "WRONG" in printed
    assert "3 lines: 2 exact, 1 WRONG." in printed
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == [
        "audit.csv",
        "audit.md",
        "environment.json",
    ]
    assert set(json.loads((tmp_path / "audit" / "environment.json").read_text())) == {
        *("python", "fewshot-bench", "torch", "higher", "learn2learn", "torchmeta", "torchopt")
    }
    assert "WRONG" in (tmp_path / "audit" / "audit.md").read_text()


@pytest.mark.parametrize(("by", "status"), [(OURS, 1), ("higher", 0)])
def test_the_exit_status_is_about_the_package_alone(by, status, monkeypatch, capsys):
    off = AuditRow("implicit", "Moreau envelope", by, "call", ("start",), lambda problem: dict(problem.phi))
    monkeypatch.setattr(rows, "ROWS", [off])
    assert run_command(["audit"]) == status
    assert ("this package is off" in capsys.readouterr().out) == bool(status)


def test_an_unknown_word_is_a_sentence():
    with pytest.raises(BenchError, match="unknown table or maker 'adam'"):
        run_command(["audit", "--only", "adam"])


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        run_command(["audit", "--help"])
    assert "Examples: fewshot-bench audit" in capsys.readouterr().out
