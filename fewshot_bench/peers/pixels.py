"""Images in the forms that datasets of other libraries give them, as the bytes a pool holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError

_NEAR = 0.01  # of a byte's step: far above float32's rounding of byte / 255, far below what any normalisation leaves


def bytes_of(image: Any, top: float = 1.0) -> NDArray[np.uint8]:
    """An image as uint8 [channels, height, width].

    image: a Pillow image, black and white, grey or RGB; or an array or tensor [h, w] or [c, h, w]. True is white and an
    integer a byte. Floats have to be bytes in disguise: 0 is black, `top` is white, which is 1 after torchvision's
    ToTensor and 255 in learn2learn's MiniImagenet.
    Raises DataError for another mode or shape, and for numbers that are no bytes, such as those of a normalised image.
    """
    if isinstance(image, Image.Image):
        if image.mode not in ("1", "L", "RGB"):
            raise DataError(f"an image has mode {image.mode!r}; a pool takes '1', 'L' and 'RGB'. Convert it.")
        return bytes_of(np.asarray(image).transpose(2, 0, 1) if image.mode == "RGB" else np.asarray(image))
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise DataError(f"an image has shape {array.shape}; a pool takes [h, w], [1, h, w] and [3, h, w].")
    white = {"b": 1.0, "f": top}.get(array.dtype.kind, 255.0)
    scaled = array.astype(np.float64) * (255 / white)
    rounded = scaled.round()
    if not (rounded.min() >= 0 and rounded.max() <= 255 and np.abs(scaled - rounded).max() < _NEAR):
        raise DataError(
            f"an image has values from {array.min():.4g} to {array.max():.4g}, which are not bytes where white is "
            f"{white:g}. Take the dataset without transforms that normalise, or say which value is white."
        )
    return rounded.astype(np.uint8)
