"""The committed audit is that of the code, and the page about it quotes it."""

import csv
import json
import re
from pathlib import Path

import pytest

from fewshot_bench.audit.row import EXACT
from fewshot_bench.audit.rows import ROWS
from fewshot_bench.audit.running import run
from fewshot_bench.audit.tables import shown

CHECKOUT = Path(__file__).resolve().parents[2]
REFERENCE = CHECKOUT / "results" / "reference" / "audit"
PAGE = (CHECKOUT / "docs" / "audit.md").read_text(encoding="utf-8")


def committed() -> list[dict[str, str]]:
    with (REFERENCE / "audit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_has_the_rows_of_the_code_with_the_reasons_of_the_code():
    lines = committed()
    told = [(line["section"], line["problem"], line["by"], line["call"], line["wrt"]) for line in lines]
    assert told == [(row.section, row.problem, row.by, row.call, ", ".join(row.wrt)) for row in ROWS]
    for line, row in zip(lines, ROWS, strict=True):
        if line["verdict"] in ("approximate", "WRONG"):
            assert (line["verdict"], line["note"]) == row.off
        else:
            assert (row.off is None or line["verdict"] == "exact") and line["verdict"] != "not installed"


def test_the_page_quotes_it():
    """Every figure on the page is some line's error, and every version that of the run."""
    errors = {shown(float(line["error"])) for line in committed() if line["error"]}
    text = re.sub(r"at most 1e-11|residual of 1e-5", "", PAGE)
    figures = re.findall(r"\d[\d,.]* %|\d(?:\.\d+)?e-\d+", text)
    assert len(figures) > 25
    assert set(figures) <= errors
    versions = json.loads((REFERENCE / "environment.json").read_text(encoding="utf-8"))
    for name in ("torch", "higher", "torchopt", "learn2learn", "torchmeta"):
        assert re.search(rf"{name}\s{re.escape(versions[name])}", PAGE), name
    assert f"at most {EXACT:.0e}" in PAGE


def test_its_files_say_nothing_of_where_they_were_made():
    assert {path.name for path in REFERENCE.iterdir()} == {"README.md", "audit.csv", "audit.md", "environment.json"}
    environment = json.loads((REFERENCE / "environment.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in environment.values())


@pytest.mark.peers
def test_the_audit_gives_it_again():
    """Verdict by verdict, all four peers installed; and the errors of what is off, but for those that are rounding."""
    for result, line in zip(run(ROWS), committed(), strict=True):
        assert (result.verdict, result.note) == (line["verdict"], line["note"]), result
        if line["error"] and float(line["error"]) > 1e-6:
            assert result.error == pytest.approx(float(line["error"]), rel=0.05), result
