"""Other protocols give what a cell gives that was tested by them, and a killed command loses nothing."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from fewshot_bench.api import measuring
from fewshot_bench.api.loading import load_cell
from fewshot_bench.api.pools import open_pool
from fewshot_bench.api.protocols import BATCH_NORMS, TOGETHER
from fewshot_bench.api.sensitivity import sensitivity
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.lease import lease
from tests.api.conftest import recorded

LISTS = {"tasks": (4, 12, 28), "queries": (1, 2, 20), "ensemble": (1, 2, 5), "steps": (1, 2, 3)}


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    """So that what is written down in between is some of a protocol's tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "CHUNK", 8)
        yield


@pytest.fixture(scope="module")
def pool(pattern_data):
    return open_pool("omniglot", pattern_data)


@pytest.fixture
def copied(finished, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished(), tmp_path / finished().name))


@pytest.fixture(scope="module")
def found(finished, pool, tmp_path_factory):
    """The whole table of one cell, and what was said on the way."""
    folder = tmp_path_factory.mktemp("found") / finished().name
    shutil.copytree(finished(), folder)
    said: list[str] = []
    return sensitivity(folder, pool, **LISTS, say=said.append), said


def row(found, factor: str, value: str) -> pd.Series:
    table = found.frame()
    (place,) = table.index[(table["factor"] == factor) & (table["value"] == value)]
    return table.loc[place]


TESTED_SO = [
    pytest.param({"queries": 2}, "queries", "2", id="queries"),
    pytest.param({"inner_steps": 3}, "inner steps", "3", id="inner steps"),
    pytest.param({"tasks": 28}, "tasks", "28", id="tasks"),
    pytest.param({"tasks": 4}, "tasks", "4", id="fewer tasks"),
]


@pytest.mark.parametrize(("evaluation", "factor", "value"), TESTED_SO)
def test_a_row_is_what_a_cell_says_that_was_tested_so(finished, found, evaluation, factor, value):
    """The same training, both epochs in the ensemble: only the test differs, and training knows nothing of it."""
    other = recorded(finished(evaluation=evaluation))["accuracy"]
    own = recorded(finished())["accuracy"]
    line = row(found[0], factor, value)
    assert line["accuracy"] == pytest.approx(100 * other.mean(), abs=1e-9)
    assert line["ci95"] == pytest.approx(100 * 1.96 * other.std() / len(other) ** 0.5)
    assert line["difference"] == pytest.approx(100 * (other.mean() - own.mean()), abs=1e-9)
    if "tasks" not in evaluation:
        paired = other - own
        assert line["difference_ci95"] == pytest.approx(100 * 1.96 * paired.std() / len(paired) ** 0.5)


def test_the_other_batch_norm_is_what_a_cell_says_that_was_tested_by_both(finished, found):
    both = finished(evaluation={"both_batch_norms": True})
    line = row(found[0], "batch norm", "inductive")
    assert line["accuracy"] == pytest.approx(100 * recorded(both, "test inductive")["accuracy"].mean(), abs=1e-9)
    assert (recorded(both, "test inductive")["loss"] != recorded(both)["loss"]).all()


def test_an_ensemble_of_one_is_the_best_epoch(finished, found):
    line = row(found[0], "ensemble", "1")
    assert line["accuracy"] == pytest.approx(
        100 * recorded(finished(evaluation={"ensemble": 1}))["accuracy"].mean(), abs=1e-9
    )


def test_the_cells_own_protocol_is_the_recorded_test(finished, found):
    own = 100 * recorded(finished())["accuracy"].mean()
    for factor, value in (("as tested", ""), ("tasks", "12"), ("queries", "1"), ("inner steps", "2")):
        line = row(found[0], factor, value)
        assert line["accuracy"] == pytest.approx(own, abs=1e-9)
        assert pd.isna(line["difference"])
    assert "Its own test comes out as recorded" in found[0]._repr_markdown_()


def test_what_cannot_be_has_a_reason(found):
    assert "21 images, but omniglot has 20" in row(found[0], "queries", "20")["reason"]
    assert "the cell kept 2 validated epochs" in row(found[0], "ensemble", "5")["reason"]
    crossed = [row(found[0], TOGETHER, f"20, {mode}, 2") for mode in BATCH_NORMS]
    assert all(line["reason"] and pd.isna(line["accuracy"]) for line in crossed)
    shown = found[0]._repr_markdown_()
    assert "No ensemble of 5: the cell kept 2 validated epochs" in row(found[0], TOGETHER, "1, inductive, 5")["reason"]
    assert shown.count("21 images, but omniglot has 20") == 1  # one footnote for all rows


def test_queries_batch_norm_and_ensemble_are_crossed(found):
    table = found[0].frame()
    crossed = table[table["factor"] == TOGETHER]
    assert list(crossed[["queries", "batch_norm", "ensemble"]].itertuples(index=False, name=None)) == [
        (queries, mode, size) for queries in LISTS["queries"] for mode in BATCH_NORMS for size in LISTS["ensemble"]
    ]
    assert crossed[crossed["reason"] == ""]["accuracy"].notna().all()


def test_time_is_told_first_and_then_each_result(found):
    said = found[1]
    assert "tasks to evaluate, roughly" in said[0]
    assert len(said) == len(set(said))
    assert sum("% on" in line for line in said) == len(said) - 1


def test_the_table_says_how_much_is_protocol(found):
    table = found[0].frame()
    equal = table[table["tasks"] == 12]["accuracy"]  # on other tasks, chance would be a part of it
    span = equal.max() - equal.min()
    assert any(f"{span:.2f} points apart by protocol alone" in text for text in found[0].table().under)


def test_protonet_has_no_steps_to_vary(finished, pool, tmp_path):
    source = finished(grid={"learner": ["protonet"]})
    folder = Path(shutil.copytree(source, tmp_path / source.name))
    made = sensitivity(folder, pool, tasks=(), queries=(2,), ensemble=(), steps=(1, 2))
    assert "protonet has no inner loop" in row(made, "inner steps", "any")["reason"]


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("sensitivity."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_killed_it_goes_on_and_leaves_all_else_as_it_was(found, copied, pool, monkeypatch):
    before = content(copied)
    lines = 0

    def kill(text: str) -> None:
        nonlocal lines
        lines += 1
        if lines == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sensitivity(copied, pool, **LISTS, say=kill)
    kept = json.loads((copied / "sensitivity.json").read_text())["measured"]
    asked: list[tuple] = []
    scorer = measuring.scorer

    def counted(trained, pool, protocol):
        score = scorer(trained, pool, protocol)
        return lambda first, end: asked.append((protocol, first, end)) or score(first, end)

    monkeypatch.setattr(measuring, "scorer", counted)
    again = sensitivity(copied, pool, **LISTS)
    assert sum(end - first for _, first, end in asked) == 12 * 9 + 28 - sum(len(one["right"]) for one in kept)
    pd.testing.assert_frame_equal(again.frame(), found[0].frame())
    pd.testing.assert_frame_equal(pd.read_csv(copied / "sensitivity.csv", keep_default_na=True), csv_of(again))
    asked.clear()
    sensitivity(copied, pool, **LISTS)
    assert asked == []
    assert content(copied) == before


def csv_of(found) -> pd.DataFrame:
    import io

    return pd.read_csv(io.StringIO(found.frame().to_csv(index=False)))


def test_two_at_once_do_not_overwrite_each_other(copied, pool):
    lists = {"tasks": (), "queries": (2,), "ensemble": (), "steps": ()}
    with lease(copied, print), pytest.raises(BenchError, match=r"another process is running it \(process \d+"):
        sensitivity(copied, pool, **lists)
    assert not (copied / "sensitivity.json").exists()
    assert pd.notna(row(sensitivity(copied, pool, **lists), "queries", "2")["accuracy"])


@pytest.mark.parametrize("spoil", ["torn", "of other weights"])
def test_a_file_that_is_torn_or_of_others_is_measured_anew(found, copied, pool, spoil):
    lists = {"tasks": (), "queries": (2,), "ensemble": (), "steps": ()}
    first = sensitivity(copied, pool, **lists)
    path = copied / "sensitivity.json"
    text = path.read_text()
    if spoil == "torn":
        path.write_text(text[: len(text) // 2])
    else:
        path.write_text(text.replace('"right": [', '"right": [0, ').replace("epoch-0", "epoch-1"))
    pd.testing.assert_frame_equal(sensitivity(copied, pool, **lists).frame(), first.frame())


def test_a_fault_of_one_protocol_is_its_reason(copied, pool, monkeypatch):
    scorer = measuring.scorer

    def faulty(trained, pool, protocol):
        if protocol.queries == 2:
            raise BenchError("no room for two queries.")
        return scorer(trained, pool, protocol)

    monkeypatch.setattr(measuring, "scorer", faulty)
    found = sensitivity(copied, pool, tasks=(), queries=(2, 3), ensemble=(), steps=())
    assert row(found, "queries", "2")["reason"] == "no room for two queries."
    assert pd.notna(row(found, "queries", "3")["accuracy"])


def test_a_loaded_cell_will_do(copied, pool):
    loaded = load_cell(copied)
    made = sensitivity(loaded, pool, tasks=(), queries=(), ensemble=(), steps=(1,))
    assert repr(made) == f"{len(made.rows)} protocols of {loaded.cell.id}"
