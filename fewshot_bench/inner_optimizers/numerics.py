"""Elementary functions whose derivatives are finite everywhere a rule can take them."""

import torch
from torch import Tensor


def sqrt_or_zero(x: Tensor) -> Tensor:
    """sqrt(x), with derivative 0 at x = 0 instead of infinity; 0 where rounding made x negative.

    A ReLU network has weights whose gradient is exactly zero; infinity times that zero is NaN in the meta-gradient.
    Masked twice, since the derivative of the branch not taken is multiplied by zero and must be finite for it.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), torch.zeros_like(x))
