"""Learners with one fault each, most of them classes with methods, which are understood as well as a Learner."""

import torch
import torch.nn.functional as F

from fewshot_bench.learners import LEARNERS

MAML = LEARNERS["maml"]()


class Spoiled:
    """MAML, but for what a subclass does."""

    def __getattr__(self, name):
        return getattr(MAML, name)


class NoPrediction(Spoiled):
    def __getattr__(self, name):
        if name == "predict":
            raise AttributeError(name)
        return super().__getattr__(name)


class SeesLabels(Spoiled):
    def predict(self, parts, meta, stage, task, batch_norm):
        logits = MAML.predict(parts, meta, stage, task, batch_norm)
        return logits + F.one_hot(task.query.y, logits.shape[1])


class AlwaysTransductive(Spoiled):
    def predict(self, parts, meta, stage, task, batch_norm):
        return MAML.predict(parts, meta, stage, task, "transductive")


class MissesOne(Spoiled):
    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        return found._replace(meta=dict(list(found.meta.items())[1:]))


class NoAccuracy(Spoiled):
    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        return found._replace(metrics={"loss": found.metrics["loss"]})


class DrawsStart(Spoiled):
    def start(self, parts, steps):
        return {name: w + torch.rand_like(w) for name, w in MAML.start(parts, steps).items()}


class Forgets(Spoiled):
    def memory(self, parts):
        return {"mean/loss": torch.zeros((), dtype=torch.float64)}


class Branches(Spoiled):
    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        sign = 1 if found.metrics["loss"] > 0 else -1
        return found._replace(meta={name: sign * g for name, g in found.meta.items()})


class Stands(Spoiled):
    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        return found._replace(meta={name: 0 * g for name, g in found.meta.items()})


class Ascends(Spoiled):
    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        return found._replace(meta={name: -g for name, g in found.meta.items()})


class SaysAnyWays(Spoiled):
    @property
    def traits(self):
        return MAML.traits._replace(any_ways=True)


class DrawsAShape(Spoiled):
    def learned(self, parts, meta):
        return {"lr/all": torch.zeros(7)}


class Transposed(Spoiled):
    def predict(self, parts, meta, stage, task, batch_norm):
        return MAML.predict(parts, meta, stage, task, batch_norm).T


class Counts(Spoiled):
    def __init__(self):
        self.tasks = []

    def meta_gradient(self, parts, meta, stage, task):
        self.tasks.append(1)
        found = MAML.meta_gradient(parts, meta, stage, task)
        return found._replace(meta={name: g / len(self.tasks) for name, g in found.meta.items()})


class Anneals(Spoiled):
    """Another gradient from epoch 20 on, in the phase that it had before."""

    def meta_gradient(self, parts, meta, stage, task):
        found = MAML.meta_gradient(parts, meta, stage, task)
        size = 1 if stage.epoch < 20 else 0.5
        return found._replace(meta={name: size * g for name, g in found.meta.items()})


class PhaseInAList(Spoiled):
    def phase(self, epoch):
        return [epoch]


def needs_a_rate(rate):
    return MAML


CASES = [
    (Transposed, "logits", False, "transductive, 2 steps: gives [3, 6] for logits of shape [6, 3]."),
    (Counts, "pure functions", False, "meta_gradient: given the same once more it gives another result"),
    (needs_a_rate, "options", False, "nothing gives it the argument `rate`"),
    (NoPrediction, "contract", False, "has no predict;"),
    (SeesLabels, "labels are unseen", False, "they are looked at"),
    (AlwaysTransductive, "inductive", False, "Normalise a query with the support set"),
    (MissesOne, "gradient", False, "names or shapes are not those of start"),
    (NoAccuracy, "gradient", False, "metrics are loss;"),
    (DrawsStart, "meta parameters", False, "something else each time"),
    (Forgets, "memory", False, "memory() has mean/loss, a task's Gradient none"),
    (Branches, "vmap equals loop", False, "it looks at a tensor's value in Python"),
    (Branches, "traced", False, "it looks at a tensor's value in Python"),
    (Counts, "traced", False, "It decides by numbers, or remembers some"),
    (Anneals, "phases", False, "epochs 0 and 30 are of one phase, (0, False), and compute something else"),
    (PhaseInAList, "phases", False, "unhashable type: 'list'"),
    (Branches, "run", False, "it looks at a tensor's value in Python"),
    (Stands, "run", False, "the meta-gradient is zero for every tensor"),
    (Stands, "meta steps", False, "a meta-step changes nothing"),
    (Stands, "gradient of the loss", None, "not exact"),
    (Ascends, "descent", None, ""),
    (SaysAnyWays, "other ways", False, ""),
    (DrawsAShape, "shown", False, "lr/all"),
]
