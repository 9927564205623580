"""Fine-tuning: pre-training, then a new head for each task; a baseline without meta-learning (arXiv:1904.04232).

It is the Baseline of Chen et al. 2019. Facts of the code are from wyharveychen/CloserLookFewShot
(methods/baselinetrain.py, baselinefinetune.py, backbone.py).
"""

from collections.abc import Callable
from math import inf
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, grad_and_value

from fewshot_bench.backbones.noise import Noise, uniform
from fewshot_bench.basics.about import About
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.hypergradients.problem import Batch, Task
from fewshot_bench.inner_optimizers.base import Params, check_range
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
    accuracy,
    adam,
    constant,
    grouped,
    select,
)
from fewshot_bench.learners.model import Model, query_logits
from fewshot_bench.learners.streams import minibatch, noise

NAMES: dict[str, About] = {
    "finetune": {
        "title": "the baseline: pre-training on all classes, then a new head for each task (Chen et al. 2019)",
        "any_ways": True,
        "only_classes": True,
        "learns": "an embedding",
        "gradient": "plain",
        "cite": {"chen2019": "the baseline, and its protocol", "kingma2015": "the optimizer of pre-training"},
        "published": [
            {
                "source": "Chen et al. 2019 arXiv:1904.04232 Table 2",
                "method": "Baseline++",
                "recipe": "only beside vgg with the cosine classifier; Conv-4, 84x84, training images augmented; "
                "±: half the 95 % interval over its 600 test tasks",
                "options": {"classifier": "cosine"},
            }
        ],
    }
}

CLASSIFIER = "classifier"
"""The group of the head of pre-training: "weight" [training classes, features], and "bias" if it is linear."""

_GUARD = 1e-5  # added to lengths before a division (backbone.py, distLinear)


def finetune(
    *,
    adapt: Literal["head", "all"] = "head",
    classifier: Literal["linear", "cosine"] = "linear",
    scale: float = 2.0,
    batch: int = 4,
    meta_lr: float = 0.001,
    batch_norm: BatchNorm = "transductive",
) -> Learner:
    """The Baseline: a classifier of all training classes, then for each task a new head, fitted to its support set.

    Pre-training takes all of a task's images, support and query alike, as examples of their classes in the split; a
    rotated image keeps its class, where the code makes a class of each quarter turn. Training's loss and accuracy are
    those of this classifier; tasks of validation and test get a new head. Published settings: batches of 16
    images, 400 epochs on mini-ImageNet; then 100 steps of SGD at rate 0.01, momentum and dampening 0.9, weight decay
    0.001, in a grid: `[inner_optimizers.sgd]` and `[evaluation] inner_steps`.
    The new head begins as the network's own at initialisation, which is never trained. The inner optimizer begins with
    nothing remembered: pre-training's statistics are of another loss.

    Args:
        adapt: What is fitted to the support set: the new head, or the whole network with it.
        classifier: Both heads: linear (Baseline), or `scale` times the cosine to a vector of each class (Baseline++).
        scale: Of the cosine; 2 for at most 200 classes, 10 for more (distLinear).
        batch: Support images of a step at test (the paper's 4, of 100 steps; the code makes 100 passes); 0: all of
            them.
        meta_lr: Adam's learning rate in pre-training (torch's default, train.py).
        batch_norm: What normalises a query: the others, or the support set and itself alone. In pre-training a task is
            one batch. The code tests with running averages of training ("eval mode"), which no learner here has.

    Raises:
        ValueError: An option is out of range.
    """
    check_range("meta_lr", meta_lr, 0, inf)
    check_range("scale", scale, 0, inf)
    check_range("batch", batch, 0, inf)

    def scores(z: Tensor, head: Params) -> Tensor:
        """Logits of embedded images. z: [n, features]; head["weight"]: [classes, features]; result: [n, classes]."""
        if classifier == "cosine":
            return scale * _directions(z) @ _directions(head["weight"]).T
        return F.linear(z, head["weight"], head.get("bias"))

    def start(parts: Parts, steps: int) -> Meta:
        """The classifier starts uniform within 1 / sqrt(features), with zero biases, the same for all seeds."""
        model = parts.model
        features = _head(model)["weight"].shape[1]
        body = {name: w for name, w in model.weights.items() if name not in model.head}
        example = next(iter(body.values()), _head(model)["weight"])
        drawn = uniform(torch.zeros((), dtype=torch.int64), (parts.train_classes, features))
        head = {"weight": ((2 * drawn - 1) / features**0.5).to(example)}
        if classifier == "linear":
            head["bias"] = example.new_zeros(parts.train_classes)
        return grouped(WEIGHTS, body) | grouped(CLASSIFIER, head)

    def meta_gradient(parts: Parts, meta: Meta, stage: Stage, task: Task) -> Gradient:
        images = torch.cat([task.support.x, task.query.x])
        classes = task.classes[torch.cat([task.support.y, task.query.y])]

        def loss(meta: Meta) -> tuple[Tensor, Tensor]:
            z = parts.model.embed(select(meta, WEIGHTS), images, noise(task, "batch"))
            logits = scores(z, select(meta, CLASSIFIER))
            return F.cross_entropy(logits, classes), logits

        gradient, (value, logits) = grad_and_value(loss, has_aux=True)(meta)
        return Gradient(gradient, {"loss": value, "accuracy": accuracy(logits, classes)}, {})

    def fitted(
        parts: Parts, steps: int, w: Params, support: Batch, key: Tensor, logits: Callable[[Tensor, Params], Tensor]
    ) -> Params:
        """`w` after the steps of the inner optimizer on the support set. support.x: the input of `logits`."""
        state, hyper = parts.opt.init(w, None), parts.opt.hyperparameters(w)
        for t in range(steps):
            x, y = minibatch(support, key, batch, t)
            gradient = grad(lambda w, x=x, y=y: F.cross_entropy(logits(x, w), y))(w)
            w, state = parts.opt.step(w, gradient, state, hyper)
        return w

    def predict(parts: Parts, meta: Meta, stage: Stage, task: Task, batch_norm: BatchNorm) -> Tensor:
        model, body, head = parts.model, select(meta, WEIGHTS), _head(parts.model)
        if adapt == "head":  # embedded once: the body stands still
            queries = query_logits(model.embed, batch_norm, body, task)
            embedded = Batch(model.embed(body, task.support.x, None), task.support.y)
            return scores(queries, fitted(parts, stage.steps, head, embedded, task.key, scores))

        def logits(w: Params, images: Tensor, noise: Noise | None = None) -> Tensor:
            own = {name: w[name] for name in body}
            return scores(model.embed(own, images, noise), select(w, CLASSIFIER))

        w = body | grouped(CLASSIFIER, head)
        w = fitted(parts, stage.steps, w, task.support, task.key, lambda x, w: logits(w, x))
        return query_logits(logits, batch_norm, w, task)

    return Learner(
        meta_gradient,
        predict,
        update=lambda parts: MetaUpdate(adam(meta_lr), constant(meta_lr)),
        start=start,
        traits=Traits(batch_norm, any_ways=True, only_classes=True),
    )


def _directions(vectors: Tensor) -> Tensor:
    """Rows scaled to length one. vectors: [n, features]."""
    return vectors / (torch.linalg.vector_norm(vectors, dim=1, keepdim=True) + _GUARD)


def _head(model: Model) -> Params:
    """The initial head of the network, by "weight" and "bias". Raises BenchError if there is none."""
    head = {name.rpartition(".")[2]: model.weights[name] for name in model.head}
    if "weight" not in head:
        raise BenchError("`finetune` needs a network whose last layer is an nn.Linear with one output a class.")
    return head
