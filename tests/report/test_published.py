"""The published numbers that ship with the package."""

import math
import statistics
from pathlib import Path

import pytest

from fewshot_bench.report.published import AS_QUOTED, FIGURES, QUOTED, TABLE_1, TABLE_2, flags, numbers, quoted
from fewshot_bench.report.published_beside import SOURCES, PublishedBeside, published_beside
from fewshot_bench.report.table import footnotes, marked
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell


def printed(
    dataset: str,
    ways: int,
    shots: int,
    backbone: str,
    rule: str,
    learner: str = "maml++",
    batch_norm: str = "transductive",
) -> PublishedBeside | None:
    axes = {"learner": learner, "dataset": dataset, "ways": ways, "shots": shots}
    return published_beside(axes | {"backbone": backbone, "inner_optimizer": rule}, batch_norm)


def test_the_papers_tables_are_complete() -> None:
    assert sum(row.source == TABLE_2 for row in numbers()) == 38
    assert sum(row.source == TABLE_1 for row in numbers()) == 18


def test_its_base_row_is_the_vgg_and_sgd_of_its_ablation() -> None:
    base = [row for row in numbers() if row.source == TABLE_1 and row.method == "MAML++ (our base)"]
    assert len(base) == 6
    for row in base:
        found = printed(row.dataset, row.ways, row.shots, "vgg", "sgd")
        assert found is not None
        assert found.value == (row.mean, row.spread)


@pytest.mark.parametrize(("backbone", "optimizer"), [("vgg", "SGD"), ("vgg", "Adam"), ("resnet-12", "SGD")])
def test_its_means_and_spreads_are_those_of_the_seeds_in_its_notebook(backbone: str, optimizer: str) -> None:
    seeds = [
        row.mean
        for row in numbers()
        if "cell 7" in row.source and (row.backbone, row.inner_optimizer) == (backbone, optimizer)
    ]
    found = printed("omniglot", 20, 1, backbone, optimizer)
    assert found is not None
    assert len(seeds) == 3
    assert found.value == pytest.approx((statistics.fmean(seeds), statistics.stdev(seeds)), abs=0.0051)


def test_what_was_not_printed_is_absent() -> None:
    assert printed("omniglot", 20, 1, "resnet-12", "adam") is None
    assert printed("omniglot", 5, 1, "vgg", "sgd", batch_norm="inductive") is None
    assert quoted("glyphs", 5, 1) is None


@pytest.mark.parametrize(
    ("learner", "rule", "batch_norm", "setting", "value"),
    [
        ("reptile", "adam", "inductive", ("omniglot", 5, 1), (95.39, 0.09)),
        ("reptile", "adam", "transductive", ("omniglot", 5, 1), (97.68, 0.04)),
        ("reptile", "adam", "inductive", ("mini-imagenet", 5, 5), (62.74, 0.37)),
        ("imaml", "sgd", "transductive", ("omniglot", 20, 1), (94.46, 0.42)),
        ("imaml-released", "sgd", "transductive", ("omniglot", 5, 1), (99.16, 0.35)),
        ("maml", "sgd", "transductive", ("mini-imagenet", 5, 1), (48.70, 1.84)),
        ("fomaml", "sgd", "transductive", ("omniglot", 20, 5), (97.9, 0.1)),
        ("protonet", "none", "inductive", ("mini-imagenet", 5, 5), (68.20, 0.66)),
        ("protonet", "none", "transductive", ("mini-imagenet", 5, 5), (68.20, 0.66)),
    ],
)
def test_other_learners_have_the_numbers_of_their_papers_beside_the_nearest_network(
    learner: str, rule: str, batch_norm: str, setting: tuple[str, int, int], value: tuple[float, float]
) -> None:
    found = printed(*setting, "vgg", rule, learner, batch_norm)
    assert found is not None
    assert found.value == value
    assert found.source.learner == learner
    assert printed(*setting, "resnet-4", rule, learner, batch_norm) is None
    assert printed(*setting, "vgg", "rprop", learner, batch_norm) is None


def test_every_comparison_has_numbers_and_a_number_has_one_at_most() -> None:
    found = [sum((row.source, row.method) == (one.name, one.method) for row in numbers()) for one in SOURCES]
    assert all(found)
    one = printed("omniglot", 5, 1, "vgg", "none", "protonet", "inductive")
    assert one is not None
    assert one.value.mean == 98.8
    assert math.isnan(one.value.std)


def test_suspect_values_are_flagged_and_others_not() -> None:
    assert any("99.62 and 0.08" in text for text in flags(TABLE_2, dataset="omniglot", ways=5, shots=1, backbone="vgg"))
    assert not flags(TABLE_2, dataset="omniglot", ways=5, shots=5, backbone="vgg")
    assert any("Meta-SGD" in text for text in flags(TABLE_1, dataset="omniglot", ways=5, shots=1))
    assert not flags(TABLE_1, dataset="omniglot", ways=20, shots=1)


MINI = {"dataset": "mini-imagenet", "ways": 5, "shots": 1}


@pytest.mark.parametrize(
    ("sentences", "words"),
    [
        (flags(TABLE_1, method=AS_QUOTED, dataset="omniglot", ways=5), "the row of Meta-SGD"),
        (flags(TABLE_1, method=AS_QUOTED, **MINI), "batch norm alone; its published code changed all of these"),
        (flags(TABLE_1, method=AS_QUOTED, **MINI), "started from 0.1: the 0.01"),
        (flags(TABLE_2, **MINI), "Which mini-ImageNet split"),
        (flags(TABLE_2, **MINI, backbone="vgg", inner_optimizer="adam"), "earlier sweep"),
        (flags(TABLE_2, dataset="omniglot", ways=5, shots=1, backbone="vgg"), "99.62 and 0.08"),
        (flags(FIGURES), "captions say VGG"),
        (QUOTED, "a rate and norms for each inner step"),
        (QUOTED, "the same initial weights"),
        (QUOTED, "Derivative-order annealing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_disagreement_of_paper_code_and_originals_is_told(sentences: tuple[str, ...], words: str) -> None:
    assert sum(words in sentence for sentence in sentences) == 1


def test_a_flag_of_one_rule_is_not_of_another() -> None:
    assert not any("earlier sweep" in text for text in flags(TABLE_2, **MINI, backbone="vgg", inner_optimizer="sgd"))


def test_the_quoted_row_is_marked_in_its_table(tmp_path: Path) -> None:
    write_cell(tmp_path)
    shown = next(table for table in read_report(tmp_path).tables if table.name == "headline")
    assert shown.rows[0][0].notes == QUOTED


@pytest.mark.parametrize(
    ("learner", "rule", "words"),
    [
        ("maml", "sgd", "Quoted by Reptile's paper from Finn et al. 2017"),
        ("fomaml", "sgd", "Quoted by Reptile's paper, not run by it"),
        ("protonet", "none", "Quoted by PaddleFSL's README"),
        ("reptile", "adam", ""),
        ("imaml", "sgd", ""),
    ],
)
def test_quoted_numbers_are_marked_in_the_table(tmp_path: Path, learner: str, rule: str, words: str) -> None:
    found = printed("omniglot", 5, 1, "vgg", rule, learner)
    assert found is not None
    theirs = {fact: values[0] for fact, values in found.protocol.items()}
    write_cell(tmp_path, learner=learner, inner_optimizer=rule, split=theirs.pop("split"), fingerprint=theirs)
    shown = next(table for table in read_report(tmp_path).tables if table.name == "ablation")
    column = [(column.group, column.title) for column in shown.columns].index(("paper", "mean"))
    assert bool(marked(shown)[0][column].letters) == bool(words)
    assert any(words in note for note in footnotes(shown)) or not words


def test_a_comparison_is_quoted_where_the_numbers_say_so() -> None:
    for one in SOURCES:
        notes = {row.note for row in numbers() if (row.source, row.method) == (one.name, one.method)}
        assert any("quoted" in note for note in notes) == bool(one.quoted), one


def test_the_setting_of_figures_2_and_3_has_what_is_wrong_with_their_captions(tmp_path: Path) -> None:
    write_cell(tmp_path, ways=20, backbone="resnet-4")
    write_cell(tmp_path / "other", ways=20)
    under = [
        next(table for table in read_report(folder).tables if table.name == "ablation").under
        for folder in (tmp_path, tmp_path / "other")
    ]
    assert [any("captions say VGG" in line for line in lines) for lines in under] == [True, False]
