"""The tables before they have a format: layout, optional columns, footnotes, and the sentences under them."""

from pathlib import Path

from fewshot_bench.report.table import Table, blanked, footnotes, marked
from fewshot_bench.report.tables import read_report
from tests.report.factory import write_cell


def table(directory: Path, name: str) -> Table:
    return next(table for table in read_report(directory).tables if table.name == name)


def titles(table: Table) -> list[str]:
    return [f"{column.group} {column.title}".strip() for column in table.columns]


def texts(table: Table) -> list[list[str]]:
    return [[field.text for field in row] for row in blanked(table)]


def test_the_ablation_has_the_papers_columns_and_no_more_than_it_needs(tmp_path: Path) -> None:
    for seed in range(2):
        write_cell(tmp_path, [0.9 + 0.01 * seed], seed=seed, dataset="glyphs", split="scripts")
    shown = table(tmp_path, "ablation")
    assert shown.title == "Test accuracy of maml++ by model and inner optimizer, in percent"
    assert titles(shown) == ["dataset", "nway", "kshot", "model", "inner_optim", "mean acc", "std", "n"]
    assert texts(shown) == [["glyphs", "5", "1", "vgg", "SGD", "90.50", "0.71", "2"]]


def test_augmentation_is_protocol_and_the_untrained_twin_has_none(tmp_path: Path) -> None:
    chosen = {"augmentation": "crop-jitter-flip"}
    write_cell(tmp_path, [0.9, 0.7], training=chosen, fingerprint=chosen)
    write_cell(tmp_path, [0.5, 0.6], training={"iterations": 0})
    under = " ".join(table(tmp_path, "ablation").under)
    assert "training images augmented (crop-jitter-flip)" in under
    assert "training.augmentation" not in str(table(tmp_path, "ablation"))


def test_columns_come_with_what_they_tell_apart(tmp_path: Path) -> None:
    write_cell(tmp_path, [0.9])
    write_cell(tmp_path, [0.5], training={"iterations": 0})
    write_cell(tmp_path, [0.9], learner="maml")
    write_cell(tmp_path, [0.9], split="lake")
    write_cell(tmp_path, [0.9], split="lake", options={"lr": 0.5})
    names = titles(table(tmp_path, "ablation"))
    assert names[:7] == ["learner", "dataset", "split", "nway", "kshot", "model", "inner_optim"]
    assert names[7:12] == ["setting", "mean acc", "std", "ci95", "n"]
    assert names[12:] == ["paper mean", "paper ±", "paper diff", "untrained acc", "untrained gain", "untrained se"]


def test_repeated_keys_are_blank_and_absent_numbers_are_dashes(tmp_path: Path) -> None:
    for backbone in ("vgg", "resnet-8"):
        for optimizer in ("sgd", "adam"):
            write_cell(tmp_path, [0.99], backbone=backbone, inner_optimizer=optimizer, test_ci95=0.0123)
    assert texts(table(tmp_path, "ablation")) == [
        ["omniglot", "5", "1", "resnet-8", "Adam", "99.00", "-", "1.23", "1", "-", "-", "-"],
        ["", "", "", "", "SGD", "99.00", "-", "1.23", "1", "-", "-", "-"],
        ["", "", "", "vgg", "Adam", "99.00", "-", "1.23", "1", "99.62", "0.08", "-0.62"],
        ["", "", "", "", "SGD", "99.00", "-", "1.23", "1", "99.62", "0.08", "-0.62"],
    ]


def test_fewer_untrained_seeds_are_told_of_at_their_accuracy_and_at_the_gain(tmp_path: Path) -> None:
    for seed in range(3):
        write_cell(tmp_path, (0.9, 0.8), seed=seed)
    untrained = [write_cell(tmp_path, (0.5, 0.5), seed=seed, training={"iterations": 0}) for seed in range(2)]
    told = "Over 2 of 3 seeds: the others have no pair."
    shown = table(tmp_path, "ablation")
    assert [
        column.title for column, entry in zip(shown.columns, shown.rows[0], strict=True) if told in entry.notes
    ] == [
        "acc",
        "gain",
    ]
    (untrained[1] / "episodes.parquet").unlink()  # its accuracy is in the mean, and has no pair
    shown = table(tmp_path, "ablation")
    told = "Over 1 of 3 seeds: the others have no pair."
    assert [
        column.title for column, entry in zip(shown.columns, shown.rows[0], strict=True) if told in entry.notes
    ] == ["gain"]


def test_suspect_values_carry_a_footnote(tmp_path: Path) -> None:
    write_cell(tmp_path, inner_optimizer="adam")
    write_cell(tmp_path, inner_optimizer="sgd")
    shown = table(tmp_path, "ablation")
    best, suspect = footnotes(shown)
    assert "Suspect" in suspect
    assert [row[9].letters for row in marked(shown)] == [("b",), ("b",)]
    assert "Best by validation" in best


def test_a_gain_within_two_standard_errors_is_marked(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.9, 0.4), dataset="glyphs")
    write_cell(tmp_path, (0.5, 0.6), dataset="glyphs", training={"iterations": 0})
    shown = table(tmp_path, "ablation")
    assert [field.text for field in marked(shown)[0][-3:]] == ["55.00", "+10.00", "30.00"]
    assert any("cannot be told from none" in note for note in footnotes(shown))


def test_no_gain_has_no_sign_of_loss(tmp_path: Path) -> None:
    write_cell(tmp_path, (0.3, 0.1), dataset="glyphs")
    write_cell(tmp_path, (0.1, 0.3 + 1e-9), dataset="glyphs", training={"iterations": 0})
    assert marked(table(tmp_path, "ablation"))[0][-2].text == "+0.00"


def test_a_small_budget_is_not_taken_for_a_reproduction(tmp_path: Path) -> None:
    write_cell(tmp_path)
    assert "75,000 meta-steps of 8 tasks, here 300 meta-steps of 8" in " ".join(table(tmp_path, "ablation").under)


def test_the_papers_budget_is_recognised(tmp_path: Path) -> None:
    write_cell(tmp_path, training={"iterations": 75_000})
    assert "The budget is the paper's" in " ".join(table(tmp_path, "ablation").under)


def test_the_protocol_is_said_once_where_it_is_shared(tmp_path: Path) -> None:
    write_cell(tmp_path)
    write_cell(tmp_path, backbone="resnet-4")
    lines = [line for line in table(tmp_path, "ablation").under if line.startswith("Protocol")]
    assert lines == [
        "Protocol: 1 query per class, transductive batch norm, 5 inner steps at test, 600 test tasks (seed 0), "
        "test by the mean logits of 5 epochs, training classes rotated by quarter turns, split gimli (01234567), "
        "duplicates tolerated: none, 300 meta-steps of 8 tasks."
    ]


def test_and_by_row_where_it_is_not(tmp_path: Path) -> None:
    write_cell(tmp_path)
    other = {"split_hash": "ff" * 32, "rotations": "none", "duplicates": ["a=b"], "ensemble": 3}
    write_cell(tmp_path, dataset="mini-imagenet", split="ravi", fingerprint=other)
    write_cell(tmp_path, dataset="mini-imagenet", split="ravi", fingerprint=other, shots=5)
    lines = [line for line in table(tmp_path, "ablation").under if line.startswith("Protocol of")]
    assert [line.split(":")[0] for line in lines] == ["Protocol of mini-imagenet", "Protocol of omniglot"]
    assert "the mean logits of 3 epochs" in lines[0]
    assert "duplicates tolerated: a=b" in lines[0]


def test_kinds_of_batch_norm_have_a_column_where_there_are_several(tmp_path: Path) -> None:
    write_cell(tmp_path, dataset="glyphs")
    write_cell(tmp_path, (0.8, 0.8), dataset="glyphs", learner="reptile", also={"inductive": (0.7, 0.7)})
    shown = table(tmp_path, "ablation")
    assert shown.title == "Test accuracy by learner, model and inner optimizer, in percent"
    assert titles(shown)[:8] == [
        *("learner", "dataset", "nway", "kshot", "model", "inner_optim", "batch norm", "mean acc")
    ]
    assert [row[:8] for row in texts(shown)] == [
        ["maml++", "glyphs", "5", "1", "vgg", "SGD", "transductive", "90.00"],
        ["reptile", "glyphs", "5", "1", "vgg", "SGD", "transductive", "80.00"],
        ["", "", "", "", "", "", "inductive", "70.00"],
    ]
    under = " ".join(shown.under)
    assert "Two rows that differ in batch norm alone are the same trained networks" in under
    assert "batch norm" not in under.partition("Protocol:")[2]
    write_cell(tmp_path / "one", dataset="glyphs")
    assert "batch norm" not in titles(table(tmp_path / "one", "ablation"))


def test_a_learner_without_inner_loop_is_told_of(tmp_path: Path) -> None:
    write_cell(tmp_path, dataset="glyphs")
    assert "inner loop" not in " ".join(table(tmp_path, "ablation").under)
    training = {"ways": 20, "shots": 5, "queries": 15}
    write_cell(tmp_path, dataset="glyphs", learner="protonet", inner_optimizer="none", training=training)
    shown = table(tmp_path, "ablation")
    assert texts(shown)[1][:6] == ["protonet", "glyphs", "5", "1", "vgg", "none"]
    assert "protonet has no inner loop: one cell stands for all inner optimizers." in shown.under
    assert shown.under[-1] == (
        "Protocol of protonet: no inner loop, 300 meta-steps of 8 tasks (20-way, 5-shot, 15 queries per class)."
    )


def test_the_papers_of_several_learners_are_named(tmp_path: Path) -> None:
    write_cell(tmp_path)
    assert titles(table(tmp_path, "ablation"))[-3:] == ["paper mean", "paper std", "paper diff"]
    theirs = {"inner_steps_test": 50, "evaluation_tasks": 10_000, "ensemble": 1}
    write_cell(tmp_path, learner="reptile", inner_optimizer="adam", fingerprint=theirs)
    theirs = {"queries": 15, "evaluation_tasks": 1000, "ensemble": 1}
    write_cell(tmp_path, learner="protonet", inner_optimizer="none", split="vinyals", fingerprint=theirs)
    shown = table(tmp_path, "ablation")
    assert titles(shown)[-3:] == ["paper mean", "paper ±", "paper diff"]
    assert [[row[0], *row[-3:]] for row in texts(shown)] == [
        ["maml++", "99.62", "0.08", "-9.62"],
        ["protonet", "98.80", "-", "-8.80"],
        ["reptile", "97.68", "0.04", "-7.68"],
    ]
    lines = [line for line in shown.under if line.startswith("paper of")]
    assert [line.split(";")[0] for line in lines] == [
        "paper of maml++: Gimli arXiv:1910.01727 Table 2",
        "paper of protonet: PaddleFSL README quoting the paper",
        "paper of reptile: Reptile arXiv:1803.02999 tables",
    ]
    assert ["not a reproduction of its budget" in line for line in lines] == [True, False, False]


def test_incomplete_cells_are_listed_with_their_reason(tmp_path: Path) -> None:
    write_cell(tmp_path)
    failed = write_cell(tmp_path, seed=1, status="failed", reason="loss is nan\n at meta-step 8")
    for seed in range(2, 12):
        write_cell(tmp_path, seed=seed, status="queued")
    shown = table(tmp_path, "incomplete")
    assert "11 of 12" in shown.title
    assert texts(shown)[0] == [failed.name, "failed", "7 of 300", "loss is nan at meta-step 8"]
    assert texts(shown)[1][0].startswith("10 cells")
    assert "1/12" in texts(table(tmp_path, "ablation"))[0]


def test_a_cell_that_is_planned_has_no_result_yet(tmp_path: Path) -> None:
    write_cell(tmp_path)
    planned = write_cell(tmp_path, None, seed=1, status="planning")
    assert texts(table(tmp_path, "incomplete")) == [[planned.name, "planning", "7 of 300", ""]]


def test_a_folder_of_unreadable_cells_is_still_reported(tmp_path: Path) -> None:
    folder = write_cell(tmp_path)
    (folder / "config.toml").write_text("=")
    report = read_report(tmp_path)
    assert [table.name for table in report.tables] == ["incomplete"]
    assert len(report.data) == 0
