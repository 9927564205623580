"""Results in print."""

import csv
import io
import math

import pytest

from fewshot_bench.audit.remarks import remarks
from fewshot_bench.audit.row import OURS, UNEXPECTED, Result
from fewshot_bench.audit.tables import as_csv, shown, tables
from fewshot_bench.report.markdown import markdown

RESULTS = [
    Result("rules", "Adam, 4 steps", OURS, "unrolled()", "start, lr", 3e-14, "exact", ""),
    Result("rules", "Adam, 4 steps", "higher", "DifferentiableAdam", "beta2", 271.4, "WRONG", "Because."),
    Result("rules", "Adam, 4 steps", OURS, "recomputed()", "beta2", 3e-14, "exact", ""),
    Result("maml", "quadratic, 5 steps", "torchmeta", "update", "lr", None, "not installed", "Install it."),
]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (3.4e-14, "3e-14"),
        (0.00094, "9e-04"),
        (0.0034, "0.34 %"),
        (0.0372, "3.7 %"),
        (0.436, "44 %"),
        (271.4, "27,000 %"),
        (math.nan, "nan"),
    ],
)
def test_errors_are_percents_where_they_matter(error, text):
    assert shown(error) == text


def test_tables_by_section_with_each_makers_rows_together():
    maml, rules = tables(RESULTS)
    assert (maml.name, rules.name) == ("maml", "rules")
    assert [[entry.text for entry in row[1:3]] for row in rules.rows] == [
        [OURS, "unrolled()"],
        [OURS, "recomputed()"],
        ["higher", "DifferentiableAdam"],
    ]
    text = markdown([maml, rules], [])
    assert "| 27,000 % | WRONG<sup>a</sup> |" in text
    assert "<sup>a</sup> Because." in text
    assert "Adam, 4 steps: 27 weights" in text


def test_csv_has_every_field():
    read = list(csv.DictReader(io.StringIO(as_csv(RESULTS))))
    assert [line["error"] for line in read] == ["3e-14", "271", "3e-14", ""]
    assert read[1] == RESULTS[1]._asdict() | {"error": "271"}


def test_remarks_count_and_say_what_the_package_has_to_answer_for():
    counted, ours, versions = remarks(RESULTS, {"torch": "2.15.0", "higher": None})
    assert counted.startswith("4 lines: 2 exact, 1 WRONG, 1 not installed.")
    assert "All 2 of its lines" in ours
    assert versions == "Versions: torch 2.15.0, higher (not installed)."
    off = RESULTS[0]._replace(verdict="WRONG", error=0.5, note=UNEXPECTED)
    assert "unrolled() on Adam, 4 steps by start, lr: this package is off by 50 %." in remarks([off], {})
