"""What the outputs of a network are measured by: classification by cross-entropy, or regression by squared error.

The dataset decides, and learners take whichever they are given in `Parts.objective`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Objective(NamedTuple):
    """The objective of tasks.

    loss(outputs, targets): the loss that is minimised, a mean over examples. outputs: [n, ways]. targets: labels [n] of
    int64, or values [n, ways] of a float type. Result: 0-dimensional.
    losses(outputs, targets), scores(outputs, targets): loss and score of each example, [..., n]. A higher score is
    better: 1 for a right label and 0 for a wrong one, or minus the squared error.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    losses: Callable[[Tensor, Tensor], Tensor]
    scores: Callable[[Tensor, Tensor], Tensor]

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean score over examples: the accuracy, or minus the mean squared error."""
        return self.scores(outputs, targets).mean(-1)


def _cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    classes_second = logits.movedim(-1, 1) if logits.dim() > 2 else logits
    return F.cross_entropy(classes_second, labels, reduction="none")


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(-1) == labels).to(logits.dtype)


def _squared_errors(values: Tensor, targets: Tensor) -> Tensor:
    return (values - targets).square().mean(-1)


CLASSIFICATION = Objective(F.cross_entropy, _cross_entropies, _hits)
REGRESSION = Objective(F.mse_loss, _squared_errors, lambda values, targets: -_squared_errors(values, targets))

OBJECTIVES = {"cross-entropy": CLASSIFICATION, "squared-error": REGRESSION}
"""By `Dataset.loss`."""
