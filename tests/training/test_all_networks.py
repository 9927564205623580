"""Every network with every inner optimizer takes a finite meta-step on real images, and on images of 32 x 32."""

from dataclasses import replace

import numpy as np
import pytest

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.pool import write_pool
from fewshot_bench.data.splits import all_classes
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.evaluation import evaluate, predictions
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin, meta_step, stage
from fewshot_bench.training.plan import Plan
from tests.tiny import tiny_cell

CELL = tiny_cell({"tasks_per_batch": 1}, {"tasks": 2}, ways=5, backbone_options=())


REAL = ("omniglot", "mini-imagenet", "glyphs")
PAPERS = [(dataset, backbone, rule) for dataset in REAL for backbone in BACKBONES for rule in ("sgd", "adam")]
OTHERS = [("omniglot", "densenet-8", rule) for rule in INNER_OPTIMIZERS if rule not in ("sgd", "adam", "none")]
SMALL = [("cifar-fs", backbone, "sgd") for backbone in ("vgg", "resnet-12", "densenet-8")]  # of 32 x 32 pixels


@pytest.fixture(scope="module")
def cifar_fs_pool(tmp_path_factory):
    """Random images in place of CIFAR-100's."""
    random = np.random.default_rng(0)

    def fill(images):
        images[:] = random.integers(0, 256, images.shape, dtype=np.uint8)

    known = dataset_named("cifar-fs")
    classes = all_classes("cifar-fs", "bertinetto")
    return write_pool(tmp_path_factory.mktemp("cifar-fs"), classes, 6, known.shape, fill, {})


@pytest.mark.parametrize(("dataset", "backbone", "rule"), PAPERS + OTHERS + SMALL)
def test_meta_steps_are_finite(dataset, backbone, rule, request):
    pool = request.getfixturevalue(dataset.replace("-", "_") + "_pool")
    cell = replace(
        CELL, dataset=dataset, split=next(iter(dataset_named(dataset).splits)), backbone=backbone, inner_optimizer=rule
    )
    assembly = assemble(cell, pool, Plan("cpu", 1, 1))
    state = begin(assembly.learner, assembly.parts, 2, "cpu")
    find = gradients(assembly)
    before = {name: value.clone() for name, value in state.meta.items()}
    for _ in range(2):  # the second starts from the meta-optimizer's statistics
        meta_step(assembly, find, state)  # raises where a loss is not finite
    assert all(bool(value.isfinite().all()) for value in state.meta.values())
    assert any(not value.equal(before[name]) for name, value in state.meta.items() if name.startswith("lr/"))
    scores = evaluate(
        predictions(assembly),
        [state.meta],
        stage(state, 2, 500),
        assembly.streams.test,
        cell.evaluation.tasks,
        "transductive",
    )
    assert scores.loss.isfinite().all()
