"""One's own images, opened: from a file, an array or Pillow, to one kind of thing."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fewshot_bench.basics.errors import BenchError

OneImage = Image.Image | str | os.PathLike[str] | NDArray[Any]
"""A PIL image, the path of a file, or an array.

Arrays: uint8 [channels, height, width] as in the dataset's pool, which are taken as they are; or [height, width] or
[height, width, 3 or 4], of uint8, of bool, or of floats in [0, 1].
"""


def opened(name: str, one: OneImage) -> Image.Image:
    """As Pillow has it: turned as its camera says, on white where it is transparent. Raises BenchError for no image."""
    if isinstance(one, np.ndarray):
        image = _from_array(name, one)
    elif isinstance(one, Image.Image):
        image = one
    else:
        try:
            image = Image.open(one)
            image.load()
        except OSError as error:
            raise BenchError(f"{os.fspath(one)} cannot be read as an image ({error}).") from error
    if image.mode.startswith(("I", "F")):
        raise BenchError(f"image {name} has more than 8 bits a channel (mode {image.mode!r}). Save it with 8.")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image


def _from_array(name: str, array: NDArray[Any]) -> Image.Image:
    flat = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not flat and array.ndim == 3 and array.shape[0] in (1, 3):
        array, flat = np.moveaxis(array, 0, 2) if array.shape[0] == 3 else array[0], True
    bits = array.dtype == bool or (np.issubdtype(array.dtype, np.floating) and _in_unit_range(array))
    if not flat or not array.size or not (bits or array.dtype == np.uint8):
        raise BenchError(
            f"image {name} is an array of {array.dtype} {list(array.shape)}. Give [height, width] or "
            "[height, width, 3], of uint8 or of floats from 0 to 1."
        )
    return Image.fromarray(np.round(array * 255.0).astype(np.uint8) if bits else np.ascontiguousarray(array))


def _in_unit_range(array: NDArray[Any]) -> bool:
    return bool(array.size and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1)
