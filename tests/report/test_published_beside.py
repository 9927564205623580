"""A published number has a difference only beside a row that was measured as it was."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import presets, read
from fewshot_bench.report.columns import tidy
from fewshot_bench.report.latex import latex
from fewshot_bench.report.markdown import markdown
from fewshot_bench.report.page.against_published import against_figure, against_table
from fewshot_bench.report.published import STATED, numbers, quoted
from fewshot_bench.report.published_beside import SOURCES, PublishedBeside, protocol_differences, published_beside
from fewshot_bench.report.results import read_results
from fewshot_bench.report.rows import Row
from fewshot_bench.report.table import Table, footnotes, marked
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell

NO_RECIPE = {"learners-cpu", "omniglot-cpu", "quick"}
"""Presets that redo no published table; their numbers are of a protocol of their own."""

OTHERWISE = (
    ({"split": "lake"}, {}, "split lake (published: split gimli)"),
    ({}, {"queries": 15}, "15 queries per class (published: 1 query per class)"),
    ({}, {"inner_steps_test": 1}, "1 inner step at test (published: 5 inner steps at test)"),
    ({}, {"evaluation_tasks": 4}, "4 test tasks (published: 600 test tasks)"),
    ({}, {"ensemble": 1}, "test by one network (published: test by the mean logits of 5 epochs)"),
)


@cache
def cells(preset: str) -> tuple[Cell, ...]:
    return tuple(expand(read(preset)))


def protocol(cell: Cell) -> dict[str, Any]:
    """What the fingerprint of the cell's result will say, and its split."""
    return {
        "split": cell.split,
        "queries": cell.test_queries,
        "inner_steps_test": cell.test_steps,
        "evaluation_tasks": cell.evaluation.tasks,
        "ensemble": cell.evaluation.ensemble,
    }


def compared(preset: str) -> Iterator[tuple[Cell, PublishedBeside]]:
    """The trained cells of a preset that a published number stands beside, with either kind of batch norm."""
    for cell in cells(preset):
        axes = {name: getattr(cell, name) for name in ("dataset", "ways", "shots", "learner", "backbone")}
        for batch_norm in ("transductive", "inductive"):
            found = published_beside(
                axes | {"inner_optimizer": cell.inner_optimizer}, batch_norm, dict(cell.learner_options)
            )
            if found and cell.training.iterations:
                yield cell, found


@pytest.mark.parametrize("preset", sorted(set(presets()) - NO_RECIPE))
def test_a_preset_measures_as_the_table_it_redoes(preset: str) -> None:
    for cell, found in compared(preset):
        assert protocol_differences(protocol(cell), found.protocol) == (), cell.id


def test_every_comparison_is_of_some_preset_and_says_how_it_was_measured() -> None:
    met = {found.source for preset in presets() for _, found in compared(preset)}
    assert met == set(SOURCES)
    for one in SOURCES:
        for row in numbers():
            if (row.source, row.method) == (one.name, one.method):
                assert set(STATED) - set(row.protocol) <= ({"inner_steps_test"} if one.learner == "protonet" else set())


def test_presets_that_redo_no_table_have_no_difference() -> None:
    found = [protocol_differences(protocol(cell), one.protocol) for name in NO_RECIPE for cell, one in compared(name)]
    assert found
    assert all(found)


@pytest.mark.parametrize("preset", ["maml++-original-omniglot", "maml++-original-mini-imagenet"])
def test_the_quoted_row_was_measured_as_its_preset_measures(preset: str) -> None:
    for cell in cells(preset):
        found = quoted(cell.dataset, cell.ways, cell.shots)
        assert found is not None
        assert protocol_differences(protocol(cell), found.protocol) == ()


def test_what_a_side_does_not_say_cannot_differ() -> None:
    assert protocol_differences({"queries": 15}, {"split": ("ravi",)}) == ()
    assert protocol_differences({"split": "lake"}, {}) == ()
    assert protocol_differences({"split": "gimli-fork"}, {"split": ("ravi", "gimli-fork")}) == ()
    assert protocol_differences({"split": "own"}, {"split": ("ravi", "gimli-fork")}) == (
        "split own (published: split ravi or split gimli-fork)",
    )


def rows(directory: Path) -> list[Row]:
    return list(read_results(directory).rows)


def shown(directory: Path, name: str) -> Table:
    return next(table for table in read_report(directory).tables if table.name == name)


def field(table: Table, title: str, group: str = "") -> str:
    return table.rows[0][[(one.title, one.group) for one in table.columns].index((title, group))].text


@pytest.mark.parametrize(("axes", "facts", "words"), OTHERWISE, ids=lambda value: str(value)[:20])
def test_a_value_that_was_measured_otherwise_stands_without_a_difference(
    tmp_path: Path, axes: dict[str, str], facts: dict[str, int], words: str
) -> None:
    for seed in range(2):
        write_cell(tmp_path, [0.68 + 0.01 * seed], seed=seed, fingerprint=facts, **axes)
    table = shown(tmp_path, "ablation")
    assert (field(table, "mean", "paper"), field(table, "diff", "paper")) == ("99.62", "-")
    assert any("without a difference" in note and words in note for note in footnotes(table))
    against = against_table(rows(tmp_path))
    assert against is not None
    assert [field(against, title) for title in ("diff", "z")] == ["-", "-"]
    assert any(words in note for note in footnotes(against))
    assert any("No z: the published value was measured otherwise." in note for note in footnotes(against))
    assert against_figure(rows(tmp_path)) is None
    numbers = tidy(rows(tmp_path)).iloc[0]
    assert (numbers["paper_mean"], numbers["paper_measured_otherwise"]) == (99.62, words)
    assert math.isnan(numbers["difference_to_paper"])
    assert words in markdown([table], []) and words in latex([table], [])


def test_a_value_that_was_measured_alike_has_its_difference(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.99])
    assert field(shown(tmp_path, "ablation"), "diff", "paper") == "-0.62"
    assert against_figure(rows(tmp_path)) is not None
    assert not any("otherwise" in note for note in footnotes(shown(tmp_path, "headline")))


def test_the_headline_says_what_its_quoted_row_was_measured_with(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.99], split="lake")
    table = shown(tmp_path, "headline")
    assert marked(table)[0][1].text == "99.53 ± 0.26%"
    assert "Measured otherwise than here: split lake (published: split gimli)." in footnotes(table)


def test_a_number_of_one_option_stands_beside_no_other() -> None:
    """Chen et al.'s Baseline++ is `finetune` with the cosine classifier; the linear one has no number here."""
    axes = {"dataset": "cub", "ways": 5, "shots": 1, "learner": "finetune", "backbone": "vgg", "inner_optimizer": "sgd"}
    found = published_beside(axes, "transductive", {"classifier": "cosine"})
    assert found is not None
    assert found.value.mean == 60.53
    assert published_beside(axes, "transductive", {}) is None
    assert (
        published_beside(axes | {"dataset": "mini-imagenet -> cub"}, "transductive", {"classifier": "cosine"}) is None
    )
