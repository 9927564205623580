"""What is meta-learned with theta*: the loss there (iMAML), or the inner objective's own value (variational)."""

from torch import Tensor

from fewshot_bench.illustrations.landscape import LAM, loss, response, slope


def meta_loss(solution: Tensor) -> Tensor:
    """M = f(theta*)."""
    return loss(solution)


def meta_slope(solution: Tensor, lam: float = LAM) -> Tensor:
    """dM / d theta_0 = f'(theta*) lam / (lam + f''(theta*)) between jumps."""
    return slope(solution) * response(solution, lam)


def variational_loss(solution: Tensor, theta0: Tensor, outer_lam: float = LAM) -> Tensor:
    """M = f(theta*) + mu/2 (theta* - theta_0)^2, where mu is `outer_lam`.

    With mu = lam it is the Moreau envelope of f where theta* is the lowest of the minima.
    """
    return loss(solution) + outer_lam / 2 * (solution - theta0) ** 2


def variational_slope(solution: Tensor, theta0: Tensor, lam: float = LAM, outer_lam: float = LAM) -> Tensor:
    """Its derivative: mu (theta_0 - theta*) + (f'(theta*) + mu (theta* - theta_0)) lam / (lam + f''(theta*)).

    With mu = lam the bracket is the inner slope, zero at theta*, and lam (theta_0 - theta*) is left: minus Reptile's
    direction. With another mu it is not.
    """
    pull = outer_lam * (solution - theta0)
    return (slope(solution) + pull) * response(solution, lam) - pull
