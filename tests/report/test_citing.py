"""BibTeX: every name has its reference, entries are well formed, and a run cites what it used."""

import re
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.reading import read_cells
from fewshot_bench.data.datasets import DATASETS, dataset_named
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.report.citing import KINDS, bibtex, citations, reasons_of, references
from tests.report.factory import write_cell

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "misc": {"author", "title", "year"},
}


def parsed(text: str) -> dict[str, dict[str, str]]:
    """Entries of a .bib file by key, as BibTeX reads them: what is outside of entries is a comment, braces balance."""
    entries: dict[str, dict[str, str]] = {}
    position = 0
    while (at := text.find("@", position)) >= 0:
        head = re.compile(r"@(\w+)\{([^\s,{}]+),").match(text, at)
        assert head, text[at : at + 40]
        fields = {"": head[1]}
        position = head.end()
        while field := re.compile(r"\s*(\w+)\s*=\s*\{").match(text, position):
            depth, end = 1, field.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            assert field[1] not in fields, f"{head[2]} has {field[1]} twice"
            fields[field[1]] = text[field.end() : end - 1]
            position = end + 1 if text[end] == "," else end
        close = re.compile(r"\s*\}").match(text, position)
        assert close, f"{head[2]} does not end: {text[position : position + 40]!r}"
        position = close.end()
        assert head[2] not in entries, f"{head[2]} is there twice"
        entries[head[2]] = fields
    return entries


ENTRIES = parsed((ROOT / "fewshot_bench" / "report" / "references.bib").read_text(encoding="utf-8"))


def test_entries_are_well_formed_and_found_by_their_keys() -> None:
    assert set(references()) == set(ENTRIES)
    for key, fields in ENTRIES.items():
        assert REQUIRED[fields[""]] <= set(fields), key
        assert re.fullmatch(r"(19|20)\d\d", fields["year"]), key
        assert all(value.strip() == value and "  " not in value for value in fields.values()), key
        assert all(", " in name or name.startswith("{") for name in fields["author"].split(" and ")), key
        if key != "fewshot_bench":
            surname = re.sub(r"\W", "", fields["author"].partition(",")[0]).lower()
            assert key == surname + fields["year"]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("learner", LEARNERS),
        ("backbone", BACKBONES),
        ("inner_optimizer", INNER_OPTIMIZERS),
        ("dataset", DATASETS),
        ("split", [f"{name}:{split}" for name in DATASETS for split in dataset_named(name).splits]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_name_of_a_grid_is_there_and_no_other(kind: str, names: Any) -> None:
    assert set(citations()[kind]) == set(names)
    assert [name for name, found in citations()[kind].items() if not found] == {
        "inner_optimizer": ["none"],
        "split": ["glyphs:scripts"],
    }.get(kind, [])


def test_every_key_has_an_entry_and_every_entry_a_use() -> None:
    tables = [found for kind in KINDS for found in citations()[kind].values()] + [citations()["always"]]
    assert {key for table in tables for key in table} == set(ENTRIES)
    assert all(why and not why.endswith(".") and "@" not in why for table in tables for why in table.values())


def test_the_package_is_cited_as_its_citation_file_says() -> None:
    cff = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    own = {name: value.replace("\\_", "_") for name, value in ENTRIES["fewshot_bench"].items()}
    assert f'title: "{own["title"].replace("{", "").replace("}", "")}"' in cff
    assert f"- name: {own['author'].strip('{}')}" in cff
    assert f"date-released: {own['year']}-" in cff
    assert f"version: {own['note'].removeprefix('Version ')}" in cff
    title = f"title: {ENTRIES['grefenstette2019']['title']}"
    assert title in cff
    surnames = re.findall(r"family-names: (\w+)", cff)
    assert surnames == [name.partition(",")[0] for name in ENTRIES["grefenstette2019"]["author"].split(" and ")]


def test_a_run_cites_what_it_used_and_says_why(tmp_path: Path) -> None:
    write_cell(tmp_path, learner="anil", backbone="resnet-4", inner_optimizer="sgd", options={"nesterov": True})
    write_cell(tmp_path, dataset="mini-imagenet", split="ravi", learner="my_lab.learners:ours", status="failed")
    text = bibtex(read_cells(tmp_path))
    expected = {
        *("fewshot_bench", "grefenstette2019", "ansel2024"),
        *("lake2015", "antoniou2019", "raghu2020", "finn2017", "kingma2015"),
        *("he2016", "oreshkin2018", "ioffe2015", "robbins1951", "sutskever2013"),
        *("vinyals2016", "russakovsky2015", "ravi2017"),
    }
    assert set(parsed(text)) == expected
    assert "% raghu2020: learner anil: the algorithm, of its section 4.1.\n@inproceedings{raghu2020," in text
    assert all(re.search(rf"^% {key}: .*\.\n(% {key}: .*\.\n)*@\w+{{{key},", text, re.MULTILINE) for key in expected)
    assert text.endswith("% learner my_lab.learners:ours is not the package's own: cite where it is from yourself.\n")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"learner": "imaml", "learner_options": {"solver": "neumann"}}, "lorraine2020"),
        ({"learner": "maml", "learner_options": {"truncate": 2}}, "shaban2019"),
        ({"inner_optimizer": "rmsprop", "options": {"centered": True}}, "graves2013"),
    ],
    ids=str,
)
def test_options_that_are_papers_are_cited(tmp_path: Path, options: dict[str, Any], key: str) -> None:
    write_cell(tmp_path, **options)
    write_cell(tmp_path / "without", **{k: v for k, v in options.items() if not k.endswith("options")})
    assert key in reasons_of(read_cells(tmp_path))[0]
    assert key not in reasons_of(read_cells(tmp_path / "without"))[0]


def test_a_run_without_a_configuration_is_refused(tmp_path: Path) -> None:
    (write_cell(tmp_path) / "config.toml").write_text("=")
    with pytest.raises(BenchError, match="nothing is known to be cited"):
        bibtex(read_cells(tmp_path))
