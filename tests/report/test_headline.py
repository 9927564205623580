"""The paper's Table 1: quoted, base, and best by validation."""

from pathlib import Path

from fewshot_bench.report.table import Table, footnotes, marked
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell


def headline(directory: Path) -> Table | None:
    return next((table for table in read_report(directory).tables if table.name == "headline"), None)


def column(table: Table, index: int) -> list[str]:
    return [row[index].text for row in marked(table)]


def three_seeds(directory: Path, accuracy: float, validation: float, **axes: str) -> None:
    for seed, shift in enumerate((-0.01, 0.0, 0.01)):
        write_cell(directory, [accuracy + shift], val_accuracy=validation, seed=seed, **axes)


def test_rows_and_columns_are_the_papers(tmp_path: Path) -> None:
    three_seeds(tmp_path, 0.95, 0.9)
    table = headline(tmp_path)
    assert table is not None
    assert [f"{c.group} {c.title}" for c in table.columns[1:]] == [
        "Omniglot 5-way 1-shot",
        "Omniglot 5-way 5-shot",
        "Omniglot 20-way 1-shot",
        "Omniglot 20-way 5-shot",
        "mini-ImageNet 5-way 1-shot",
        "mini-ImageNet 5-way 5-shot",
    ]
    assert column(table, 0) == ["MAML++ (Antoniou et al.)", "MAML++ (our base)", "MAML++ (our best)", "best model"]
    assert column(table, 1) == ["99.53 ± 0.26%", "95.00 ± 1.00%", "95.00 ± 1.00%", "vgg + SGD"]
    assert column(table, 5) == ["52.15 ± 0.26%", "-", "-", "-"]
    assert any("Meta-SGD" in note for note in footnotes(table))


def test_the_best_is_chosen_by_validation_and_says_what_test_would_have_chosen(tmp_path: Path) -> None:
    three_seeds(tmp_path, 0.95, 0.90)
    three_seeds(tmp_path, 0.96, 0.94, backbone="resnet-4", inner_optimizer="adam")
    three_seeds(tmp_path, 0.98, 0.92, backbone="resnet-8")
    table = headline(tmp_path)
    assert table is not None
    assert column(table, 1)[1:] == ["95.00 ± 1.00%", "96.00 ± 1.00%", "resnet-4 + Adam"]
    assert "Test would have chosen resnet-8 + SGD with 98.00." in footnotes(table)


def test_cells_with_fewer_seeds_and_untrained_ones_are_no_candidates(tmp_path: Path) -> None:
    three_seeds(tmp_path, 0.95, 0.90)
    write_cell(tmp_path, [0.99], val_accuracy=0.99, backbone="resnet-8")
    write_cell(tmp_path, [0.99], val_accuracy=0.99, backbone="resnet-12", training={"iterations": 0})
    table = headline(tmp_path)
    assert table is not None
    assert column(table, 1)[3] == "vgg + SGD"


def test_one_seed_says_what_its_spread_is(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.95], test_ci95=0.0123)
    table = headline(tmp_path)
    assert table is not None
    assert column(table, 1)[1] == "95.00 ± 1.23%"
    assert any("95 % interval over its test tasks" in note for note in footnotes(table))


def test_protocols_that_cannot_be_compared_have_columns_of_their_own(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.95], val_accuracy=0.9)
    write_cell(tmp_path, [0.85], val_accuracy=0.8, fingerprint={"queries": 15}, training={"queries": 15})
    table = headline(tmp_path)
    assert table is not None
    assert sorted(c.title for c in table.columns[1:3]) == ["1-shot queries 1", "1-shot queries 15"]


def test_kinds_of_batch_norm_are_protocols(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.95], also={"inductive": [0.85]})
    table = headline(tmp_path)
    assert table is not None
    assert [c.title for c in table.columns[1:3]] == ["1-shot transductive batch norm", "1-shot inductive batch norm"]
    assert [column(table, index)[2].split(" ")[0] for index in (1, 2)] == ["95.00", "85.00"]
    assert [column(table, index)[0] for index in (1, 2)] == ["99.53 ± 0.26%", "-"]


def test_it_is_left_out_where_no_cell_belongs_to_it(tmp_path: Path) -> None:
    write_cell(tmp_path, dataset="glyphs")
    write_cell(tmp_path, learner="maml")
    assert headline(tmp_path) is None
