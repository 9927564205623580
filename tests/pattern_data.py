"""A stand-in for Omniglot's pool that a network learns in seconds: each class a pattern, each example noise on it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.pool import Pool, write_pool
from fewshot_bench.data.splits import all_classes

SHAPE, EXAMPLES = ImageShape(1, 28, 28), 20


def write_patterns(data_dir: Path) -> Pool:
    """The pool, where `open_pool("omniglot", data_dir)` finds it."""
    classes = tuple(sorted(all_classes("omniglot", "gimli")))
    random = np.random.default_rng(0)

    def fill(images: NDArray[np.uint8]) -> None:
        coarse = random.integers(0, 2, (len(classes), 1, 1, 7, 7)) * 255
        patterns = np.kron(coarse, np.ones((4, 4)))
        by_class = images.reshape(len(classes), EXAMPLES, *SHAPE)
        noise = random.normal(0, 180, by_class.shape)
        by_class[:] = np.clip(patterns + noise, 0, 255).astype(np.uint8)

    return write_pool(data_dir / ".prepared" / "omniglot", classes, EXAMPLES, SHAPE, fill, {"source": "patterns"})
