"""MAML and its family: they learn the initial weights of the inner loop, and the inner optimizer's hyperparameters.

The defaults are MAML++ as Grefenstette et al. 2019 (arXiv:1910.01727) ran it. Facts are from the paper's fork,
bamos/HowToTrainYourMAMLPytorch at 436da889; lines are those of its few_shot_learning_system.py.
"""

from collections.abc import Hashable
from math import inf
from typing import Literal

import torch
from torch import Tensor

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Bilevel, Estimator, Task, last_step_only, solve
from fewshot_bench.hypergradients.recomputed import recomputed
from fewshot_bench.hypergradients.unrolled import unrolled
from fewshot_bench.inner_optimizers.base import Hyper, Params, check_range
from fewshot_bench.learners.adaptation import adaptation, as_gradient, query_loss, support_loss
from fewshot_bench.learners.base import (
    WEIGHTS,
    BatchNorm,
    Gradient,
    Learner,
    Meta,
    MetaUpdate,
    Parts,
    Stage,
    Traits,
    adam,
    cosine,
    grouped,
    select,
)
from fewshot_bench.learners.hyperparameters import Constraint, Grain, bounded, shown, starting, values_at
from fewshot_bench.learners.model import Model, query_logits
from fewshot_bench.learners.streams import noise

NORMS = "norms"
"""The group of gains and shifts that differ between inner steps: [steps, ...]."""


def maml(
    *,
    adapt: Literal["all", "head", "body"] = "all",
    adapt_norms: bool = True,
    norms: Literal["shared", "per-step"] = "shared",
    second_order: bool = True,
    second_order_from: int = 0,
    truncate: int | None = None,
    learn_hyperparameters: bool = True,
    grain: Grain = "tensor",
    constraint: Constraint = "clamp",
    msl_epochs: int = 10,
    msl_floor: float = 0.03,
    meta_lr: float = 0.001,
    meta_lr_min: float = 1e-5,
    batch_norm: BatchNorm = "transductive",
    clamp_gradient: float = 10.0,
    clamp_datasets: tuple[str, ...] = ("mini-imagenet",),
) -> Learner:
    """MAML (Finn et al. 2017) with the options of its descendants; the defaults are the paper's MAML++.

    Args:
        adapt: What the inner loop moves: all, the last layer (ANIL, Raghu et al. 2020), all but it (BOIL, Oh et al.
            2021).
        adapt_norms: Whether gains and shifts of normalisation adapt too; they do in the fork (lines 94-96), not in
            MAML++.
        norms: Gains and shifts: the same at all inner steps (the fork), or learned for each (MAML++); then none adapts.
        second_order: Differentiate through the inner gradients; always so in the fork (its use_second_order argument is
            unused).
        second_order_from: Epoch before which the gradient is of first order (derivative-order annealing, MAML++; off in
            all its JSONs).
        truncate: Differentiate through so many of the last inner steps only; absent: through all.
        learn_hyperparameters: Learn the inner optimizer's rates and betas (lines 94-107).
        grain: One learned value a parameter tensor (the fork), a tensor and step (MAML++), or a weight (Meta-SGD).
        constraint: What keeps learned hyperparameters in range: a clamp after each meta-step (lines 324-330), or a
            bijector.
        msl_epochs: Epochs in which the query loss after every inner step counts (multi-step loss); 0: the last step's
            alone.
        msl_floor: Weight that a step before the last never falls below, times 1 / steps (lines 131-165).
        meta_lr: Adam's learning rate for weights, rates and betas alike (config.yaml).
        meta_lr_min: Where the cosine ends; equal to `meta_lr`: no annealing (config.yaml).
        batch_norm: What normalises a query: the other queries (the paper), or the support set and itself alone
            ("inductive").
        clamp_gradient: Each element of the weights' meta-gradient is clamped to +- this, on `clamp_datasets` alone
            (lines 317-320).
        clamp_datasets: Datasets whose meta-gradient is clamped; in the fork, those with "imagenet" in their name.

    Raises:
        ValueError: An option is out of range, or two options exclude each other.
    """
    check_range("meta_lr", meta_lr, 0, inf)
    check_range("meta_lr_min", meta_lr_min, 0, meta_lr)
    check_range("msl_floor", msl_floor, 0, 1)
    check_range("msl_epochs", msl_epochs, 0, inf)
    check_range("clamp_gradient", clamp_gradient, 0, inf)
    check_range("second_order_from", second_order_from, 0, inf)
    if truncate is not None:
        check_range("truncate", truncate, 1, inf)
    if norms == "per-step" and adapt_norms:
        raise ValueError('`norms` = "per-step" is for norms that do not adapt: set `adapt_norms` = false.')

    def adapted(model: Model) -> tuple[str, ...]:
        """Names of the parameters that the inner loop adapts."""
        if adapt != "all" and not model.head:
            raise BenchError(
                f'`adapt` = "{adapt}" needs a network whose last layer is an nn.Linear with one output a class.'
            )
        fixed = set() if adapt_norms else set(model.norms)
        if adapt != "all":
            fixed |= {name for name in model.weights if (name in model.head) != (adapt == "head")}
        return tuple(name for name in model.weights if name not in fixed)

    def start(parts: Parts, steps: int) -> Meta:
        weights = dict(parts.model.weights)
        meta: Meta = {}
        if norms == "per-step":
            own = {name: weights.pop(name) for name in parts.model.norms}
            meta = grouped(NORMS, {name: torch.stack([value] * max(steps, 1)) for name, value in own.items()})
        meta = grouped(WEIGHTS, weights) | meta
        if learn_hyperparameters:
            moved = {name: weights[name] for name in adapted(parts.model)}
            meta |= starting(parts.opt, moved, steps, grain, constraint)
        return meta

    def problem(parts: Parts, stage: Stage, step_weights: tuple[float, ...], *, noisy: bool) -> Bilevel:
        model, moved = parts.model, adapted(parts.model)
        fixed = parts.opt.hyperparameters({name: model.weights[name] for name in moved})

        def inner(w: Params, meta: Meta, task: Task, t: int) -> Tensor:
            return support_loss(parts, _whole(w, meta, t), task, noise(task, "support", t) if noisy else None)

        def outer(w: Params, meta: Meta, task: Task, t: int) -> tuple[Tensor, Tensor]:
            return query_loss(parts, batch_norm, _whole(w, meta, t), task, noise(task, "query", t) if noisy else None)

        def hyper(meta: Meta, t: int) -> Hyper:
            return values_at(meta, t, parts.opt.bounds, grain, constraint) if learn_hyperparameters else fixed

        def init(meta: Meta, task: Task) -> Params:
            weights = select(meta, WEIGHTS)
            return {name: weights[name] for name in moved}

        return adaptation(parts, stage, inner, outer)._replace(init=init, hyper=hyper, step_weights=step_weights)

    def first_order(epoch: int) -> bool:
        return not second_order or epoch < second_order_from

    def estimator(stage: Stage) -> Estimator:
        if stage.recompute and not first_order(stage.epoch) and truncate is None:
            return recomputed()  # Algorithm 1 of the paper
        return unrolled(first_order=first_order(stage.epoch), last=truncate)

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        weights = multi_step(stage.steps, stage.epoch, msl_epochs, msl_floor)
        return as_gradient(parts, estimator(stage)(problem(parts, stage, weights, noisy=True), meta, task), task)

    def phase(epoch: int) -> Hashable:
        return min(epoch, msl_epochs), first_order(epoch)

    def predict(parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        w, _ = solve(problem(parts, stage, last_step_only(stage.steps), noisy=False), meta, task)
        return query_logits(parts.model.apply, batch_norm, _whole(w, meta, max(stage.steps - 1, 0)), task)

    def clip(gradient: Meta) -> Meta:
        """Clamps the gradient of the network's weights, but not that of hyperparameters."""
        network = {key: g for key, g in gradient.items() if key.startswith((WEIGHTS, NORMS))}
        return gradient | {key: g.clamp(-clamp_gradient, clamp_gradient) for key, g in network.items()}

    def update(parts: Parts) -> MetaUpdate:
        return MetaUpdate(
            optimizer=adam(meta_lr),
            rate=cosine(meta_lr, meta_lr_min),
            clip=clip,
            clip_on=clamp_datasets,
            bound=lambda meta: bounded(meta, parts.opt.bounds, constraint),
        )

    def learned(parts: Parts, meta: Meta) -> Meta:
        return shown(meta, parts.opt.bounds, grain, constraint)

    return Learner(meta_gradient, predict, update, start, Traits(batch_norm), phase=phase, learned=learned)


def multi_step(steps: int, epoch: int, epochs: int, floor: float) -> tuple[float, ...]:
    """Weights of the query loss after each inner step: equal at first; after `epochs`, only the last step counts.

    Until then, weights of earlier steps do not fall below floor / steps. Source: Antoniou et al. 2018, section 4;
    few_shot_learning_system.py:131-165 of the paper's fork (floor 0.03).
    """
    if epoch >= epochs or steps == 0:
        return last_step_only(steps)
    share = 1 / steps
    moved = min(epoch * share / epochs, share * (1 - floor))
    return (*(share - moved for _ in range(steps - 1)), share + (steps - 1) * moved)


def _whole(w: Params, meta: Meta, t: int) -> Params:
    """All weights of the network at inner step t: fixed ones, this step's norms, and adapted ones."""
    norms = {name: values[min(t, len(values) - 1)] for name, values in select(meta, NORMS).items()}
    return select(meta, WEIGHTS) | norms | w
