"""Regression: the same learners on sine waves, by squared error, against a plain loop of autograd."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fewshot_bench.api.evaluating import evaluate_cell
from fewshot_bench.api.loading import load_cell
from fewshot_bench.basics.errors import GridError
from fewshot_bench.cells.cell import Evaluation, Training
from fewshot_bench.cells.folders import folder_of
from fewshot_bench.data.datasets import dataset_of, open_pool
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.run import run
from fewshot_bench.report.page.page import page
from fewshot_bench.report.tables import FORMATS, read_report
from fewshot_bench.training.assembly import Assembly, assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import batch, begin
from fewshot_bench.training.plan import Plan, as_planned
from tests.tiny import tiny_cell


def cell(learner: str = "maml", **training: int):
    made = tiny_cell(
        dataset="sinusoid", split="drawn", ways=1, shots=5, learner=learner, backbone="mlp", backbone_options=()
    )
    settings = {"iterations": 4, "iterations_per_epoch": 2, "tasks_per_batch": 3, "inner_steps": 2, "queries": 7}
    return replace(
        made,
        backbone_options=(("hidden", (8, 8)),),
        inner_optimizer_options=(("lr", 0.05),),
        training=Training(**(settings | training)),
        evaluation=Evaluation(tasks=20, ensemble=1),
    )


def assembled(one) -> Assembly:
    return assemble(one, open_pool(dataset_of(one), Path("nowhere")), Plan("cpu", 1, 1))


def by_hand(assembly: Assembly, weights: list[Tensor]) -> list[Tensor]:
    """The meta-gradient of MAML with squared error, written out for the perceptron of three linear layers."""
    task, total = batch(assembly, 0), torch.zeros(())

    def outputs(parts: list[Tensor], x: Tensor) -> Tensor:
        for layer in range(3):
            x = x @ parts[2 * layer].T + parts[2 * layer + 1]
            x = x.clamp(min=0) if layer < 2 else x
        return x

    for index in range(3):
        x, y = task.support.x[index].flatten(1), task.support.y[index]
        fast = weights
        for _ in range(assembly.cell.training.inner_steps):
            loss = (outputs(fast, x) - y).square().mean()
            slopes = torch.autograd.grad(loss, fast, create_graph=True)
            fast = [weight - 0.05 * slope for weight, slope in zip(fast, slopes, strict=True)]
        error = outputs(fast, task.query.x[index].flatten(1)) - task.query.y[index]
        total = total + error.square().mean() / 3
    return list(torch.autograd.grad(total, weights))


def test_mamls_meta_gradient_is_that_of_a_plain_loop() -> None:
    assembly = assembled(cell())
    state = begin(assembly.learner, assembly.parts, 2, "cpu")
    with as_planned(assembly.plan):
        found = gradients(assembly)([state], [batch(assembly, 0)])[0].meta
    names = [name for name in state.meta if name.startswith("weights/")]
    expected = by_hand(assembly, [state.meta[name].clone().requires_grad_() for name in names])
    for name, gradient in zip(names, expected, strict=True):
        torch.testing.assert_close(found[name].mean(0), gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("learner", ["maml++", "imaml", "reptile", "anil", "meta-sgd"])
def test_every_learner_of_weights_runs_on_it(learner: str, tmp_path: Path) -> None:
    one = cell(learner)
    assert run([one], tmp_path, plan={"program": "eager"}).undone == {}
    result = json.loads((folder_of(tmp_path, one) / "result.json").read_text())
    assert result["test_accuracy"] == pytest.approx(-result["test_loss"])
    assert result["fingerprint"]["loss"] == "squared-error"


def test_a_traced_plan_of_several_tasks_trains_alike(tmp_path: Path) -> None:
    results = []
    for plan in ({"program": "eager"}, {"program": "traced", "tasks_at_once": 3}, {"program": "traced"}):
        out = tmp_path / str(len(results))
        assert run([cell(iterations=6)], out, plan=plan | {"workers": 1}).undone == {}
        results.append(json.loads((folder_of(out, cell(iterations=6)) / "result.json").read_text())["test_accuracy"])
    assert results == pytest.approx([results[0]] * 3, rel=1e-3)


def test_errors_have_a_table_of_their_own(tmp_path: Path) -> None:
    trained, untrained = cell(), cell(iterations=0)
    assert run([trained, untrained], tmp_path, plan={"program": "eager"}).undone == {}
    report = read_report(tmp_path)
    assert [table.name for table in report.tables] == ["errors"]
    error = -json.loads((folder_of(tmp_path, trained) / "result.json").read_text())["test_accuracy"]
    assert f"{error:.4g}" in FORMATS["terminal"](report)
    assert report.data["mean_squared_error"].iloc[0] == pytest.approx(error)
    table = (tmp_path / "results.csv").read_text() if (tmp_path / "results.csv").exists() else ""
    assert "%" not in table
    loaded = load_cell(folder_of(tmp_path, trained))
    assert "test squared error" in repr(loaded)
    np.testing.assert_allclose(-evaluate_cell(loaded).accuracy.mean(), error, rtol=1e-5)


GRID = {
    "grid": {
        "dataset": "sinusoid",
        "ways": 1,
        "shots": 5,
        "learner": "protonet",
        "backbone": "mlp",
        "inner_optimizer": "none",
    }
}


def test_what_needs_classes_is_refused() -> None:
    with pytest.raises(GridError, match="protonet is for classification, and sinusoid is regression"):
        expand(GridFile("grid", "grid.toml", GRID))
    with pytest.raises(GridError, match="no images that could be turned"):
        expand(GridFile("grid", "grid.toml", GRID | {"training": {"rotations": "train"}}))


def test_the_page_shows_errors_as_errors(tmp_path: Path) -> None:
    assert run([cell(), cell(iterations=0)], tmp_path, plan={"program": "eager"}).undone == {}
    text = " ".join(re.sub(r"<[^>]+>", " ", page(tmp_path)).split())
    assert "Mean squared error on test tasks" in text
    assert "Protocol: 7 queries per class" in text
    assert not re.search(r"-\d+\.?\d* %", text)
