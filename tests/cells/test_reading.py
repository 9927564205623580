"""A cell's result is read without its epochs, in whatever layout it was written."""

import json

import pytest

from fewshot_bench.cells.reading import read_cell
from tests.report.factory import write_cell

EPOCHS = [{"epoch": n, "iteration": 100 * n, "val_accuracy": 0.8, "val_loss": 0.5} for n in (1, 2, 3)]


@pytest.mark.parametrize("indent", [1, 2, None])
@pytest.mark.parametrize("epochs", [EPOCHS, []], ids=["three", "none"])
def test_all_but_the_epochs(tmp_path, indent, epochs):
    folder = write_cell(tmp_path)
    path = folder / "result.json"
    result = json.loads(path.read_text()) | {"ensemble_epochs": [3, 1]}
    facts = {"fingerprint": result.pop("fingerprint") | {"duplicates": ["a pair", "another"]}}
    path.write_text(json.dumps(result | {"epochs": epochs} | facts | {"last": [1]}, indent=indent) + "\n")
    assert read_cell(folder).result == {key: value for key, value in (result | facts).items() if key != "epochs"} | {
        "last": [1]
    }


def test_a_result_torn_in_its_epochs_is_no_result(tmp_path):
    folder = write_cell(tmp_path)
    path = folder / "result.json"
    whole = json.dumps(json.loads(path.read_text()) | {"epochs": EPOCHS}, indent=1)
    path.write_text(whole[: whole.index('"epochs"') + 60])
    assert read_cell(folder).status == "failed"
