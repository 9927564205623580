"""The assembly of a cell: the learner, network, inner optimizer and task streams that its settings name."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from torch import nn

from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import ELEMENTARY, FUSED, Operations
from fewshot_bench.backbones.precision import in_bfloat16
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.basics.names import find
from fewshot_bench.basics.seeds import seed_for
from fewshot_bench.cells.cell import Cell, Options
from fewshot_bench.data.datasets import dataset_of, test_dataset_of, test_split_of, tolerated
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import ClassSplit, crossing, split_in
from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import Learner, Parts, as_learner
from fewshot_bench.learners.model import Model, as_function, build, build_module
from fewshot_bench.learners.objective import OBJECTIVES
from fewshot_bench.learners.smoke_test import smoke_tested, without_features
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs.interpreted import Note
from fewshot_bench.training.tasks import Streams, rotates, streams


class Assembly(NamedTuple):
    """All that the training of a cell needs.

    fingerprint: the protocol by which its accuracies are measured. note: called for each traced program, with whether
    torch's interpreter runs it (programs/interpreted.py).
    """

    cell: Cell
    plan: Plan
    learner: Learner
    parts: Parts
    streams: Streams
    fingerprint: dict[str, Any]
    note: Note = lambda reason: None


class Network(NamedTuple):
    """A cell's network with its initial weights, after the smoke test.

    has_features: whether the logits come from the last layer alone, so that it can be removed. weights: their number.
    """

    module: nn.Module
    has_features: bool
    weights: int


def build_network(cell: Cell) -> Network:
    """Builds a cell's network and tests it. Raises BenchError if it cannot be trained; see learners/smoke_test.py."""
    make = _with_options("backbone", BACKBONES, cell.backbone, cell.backbone_options)
    image = dataset_of(cell).shape
    module = build_module(lambda: make(image, cell.ways), seed_for("init", cell.backbone, cell.init_seed))
    model = as_function(module, cell.ways)
    has_features = smoke_tested(model, module, image, cell.ways).head == model.head
    return Network(module, has_features, _number_of_weights(model))


def assemble(cell: Cell, pool: Pool, plan: Plan, network: Network | None = None) -> Assembly:
    """Makes the parts that a cell names.

    Args:
        cell: The cell.
        pool: The images of its dataset.
        plan: How it is computed.
        network: The cell's network, if it was built before.

    Raises:
        BenchError: A name or an option is unknown, or the network cannot be trained.
    """
    known = dataset_of(cell)
    split, tested = split_in(known.splits, cell.split, pool), test_split_of(cell, pool)
    test_pool = pool.tested_on or pool
    learner, parts = learner_and_parts(cell, plan, network)
    return Assembly(
        cell=cell,
        plan=plan,
        learner=learner,
        parts=parts,
        streams=streams(cell, pool, split, plan.device, tested),
        fingerprint={
            "split_hash": tested.hash,
            "pool_hash": test_pool.manifest["pool_hash"],
            "duplicates": list(crossing(tolerated(test_dataset_of(cell), test_pool), tested)),
            "queries": cell.test_queries,
            "batch_norm": learner.traits.batch_norm,
            "rotations": "train" if rotates(cell) else "none",
            "inner_steps_test": cell.test_steps,
            "evaluation_tasks": cell.evaluation.tasks,
            "evaluation_seed": cell.evaluation.seed,
            "ensemble": cell.evaluation.ensemble,
            **({} if known.loss == "cross-entropy" else {"loss": known.loss}),
            **({} if cell.training.augmentation is None else {"augmentation": cell.training.augmentation}),
            **({} if test_pool is pool else _trained_on(split, pool)),
        },
    )


def _trained_on(split: ClassSplit, pool: Pool) -> dict[str, str]:
    """What the fingerprint of a cell that is tested on another dataset says of the one of training."""
    return {"train_split_hash": split.hash, "train_pool_hash": pool.manifest["pool_hash"]}


def learner_and_parts(cell: Cell, plan: Plan, network: Network | None = None) -> tuple[Learner, Parts]:
    """The parts of a cell that need no images: its learner, and the learner's parts. Raises as `assemble`."""
    make_optimizer = _with_options(
        "inner optimizer", INNER_OPTIMIZERS, cell.inner_optimizer, cell.inner_optimizer_options
    )
    learner = as_learner(_with_options("learner", LEARNERS, cell.learner, cell.learner_options)())
    network = network or build_network(cell)
    model = as_function(network.module, cell.ways, plan.device, operations(plan))
    if model.head and not network.has_features:
        model = without_features(model, cell.ways)
    known = dataset_of(cell)
    return learner, Parts(model, make_optimizer(), known.sizes(cell.split).train, OBJECTIVES[known.loss])


def operations(plan: Plan) -> Operations:
    """The replacements of torch's functions in a network under a plan.

    Fused functions are used if the program runs without autograd, or if inner steps are recomputed to save memory:
    their derivatives keep less.
    """
    table = ELEMENTARY if plan.program == "eager" and not plan.recompute else FUSED
    return in_bfloat16(table) if plan.precision == "bfloat16" else table


def count_weights(cell: Cell) -> int:
    """The number of weights of the cell's network."""
    return _count_weights(cell.backbone, cell.backbone_options, dataset_of(cell).shape, cell.ways)


@cache
def _count_weights(backbone: str, options: Options, image: ImageShape, ways: int) -> int:
    make = _with_options("backbone", BACKBONES, backbone, options)
    model = build(lambda: make(image, ways), ways, seed=0)
    return _number_of_weights(model)


def _number_of_weights(model: Model) -> int:
    return sum(tensor.numel() for tensor in model.weights.values())


def _with_options(kind: str, table: dict[str, Any], name: str, options: Options) -> Callable[..., Any]:
    return partial(find(kind, name, table), **dict(options))
