"""The published numbers that ship with the package."""

import statistics

import pytest

from fewshot_bench.report.published import TABLE_1, TABLE_2, flags, numbers, printed, quoted


def test_the_papers_tables_are_complete() -> None:
    assert sum(row.source == TABLE_2 for row in numbers()) == 38
    assert sum(row.source == TABLE_1 for row in numbers()) == 18


def test_its_base_row_is_the_vgg_and_sgd_of_its_ablation() -> None:
    base = [row for row in numbers() if row.source == TABLE_1 and row.method == "MAML++ (our base)"]
    assert len(base) == 6
    for row in base:
        assert printed(row.dataset, row.ways, row.shots, "vgg", "sgd") == (row.mean, row.spread)


@pytest.mark.parametrize(("backbone", "optimizer"), [("vgg", "SGD"), ("vgg", "Adam"), ("resnet-12", "SGD")])
def test_its_means_and_spreads_are_those_of_the_seeds_in_its_notebook(backbone: str, optimizer: str) -> None:
    seeds = [
        row.mean
        for row in numbers()
        if "cell 7" in row.source and (row.backbone, row.inner_optimizer) == (backbone, optimizer)
    ]
    value = printed("omniglot", 20, 1, backbone, optimizer)
    assert value is not None
    assert len(seeds) == 3
    assert value == pytest.approx((statistics.fmean(seeds), statistics.stdev(seeds)), abs=0.0051)


def test_what_was_not_printed_is_absent() -> None:
    assert printed("omniglot", 20, 1, "resnet-12", "adam") is None
    assert quoted("glyphs", 5, 1) is None


def test_suspect_values_are_flagged_and_others_not() -> None:
    assert any("99.62 and 0.08" in text for text in flags(TABLE_2, dataset="omniglot", ways=5, shots=1, backbone="vgg"))
    assert not flags(TABLE_2, dataset="omniglot", ways=5, shots=5, backbone="vgg")
    assert any("Meta-SGD" in text for text in flags(TABLE_1, dataset="omniglot", ways=5, shots=1))
    assert not flags(TABLE_1, dataset="omniglot", ways=20, shots=1)
