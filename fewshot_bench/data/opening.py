"""Open a user's images (files, bytes, arrays, tensors, PIL images) as PIL images."""

import io
import os
import sys
import warnings
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fewshot_bench.basics.errors import BenchError

OneImage = Image.Image | str | os.PathLike[str] | bytes | IO[bytes] | NDArray[Any]
"""A PIL image, the path of a file, its content, the open file, an array, or a tensor of torch.

Arrays and tensors: uint8 [channels, height, width] as in the dataset's pool, used unchanged; or [height,
width], [height, width, 3 or 4] or [1 or 3, height, width], of uint8, of bool, or of floats in [0, 1].
"""

_PLAIN = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
)  # modes that Pillow converts to grey or RGB without loss of range


def array_of(one: object) -> NDArray[Any] | None:
    """An array unchanged, a torch tensor as an array, None for anything else."""
    if isinstance(one, np.ndarray):
        return one
    torch = sys.modules.get("torch")  # loaded if there is a tensor
    if torch is None or not isinstance(one, torch.Tensor):
        return None
    plain = one.detach().cpu()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()


def is_one_image(one: object) -> bool:
    """Whether something is one image by its type, and not several."""
    array = array_of(one)
    if array is not None:
        return array.ndim < 4
    kinds = (Image.Image, str, os.PathLike, bytes, bytearray, memoryview)
    return isinstance(one, kinds) or hasattr(one, "read")


def opened(name: str, one: OneImage) -> Image.Image:
    """The PIL image: rotated by its EXIF orientation, transparent parts on white. Raises BenchError if it is no image.

    A file that is opened here is closed here; one that the caller opened stays open.
    """
    what = os.fspath(one) if isinstance(one, str | os.PathLike) else f"image {name}"
    if not is_one_image(one) and array_of(one) is None:
        raise BenchError(
            f"{what} is a {type(one).__name__}. Give files, arrays, tensors or PIL images in one flat list."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large, but still opened
            array = array_of(one)
            if array is not None:
                return _upright(what, image_of_array(what, array))
            if isinstance(one, Image.Image):
                return _upright(what, one)
            source: Any = io.BytesIO(one) if isinstance(one, bytes | bytearray | memoryview) else one
            with Image.open(source) as image:
                return _upright(what, image)
    except BenchError:
        raise
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own, beyond which it opens nothing
        raise BenchError(f"{what} has more than {limit:,} pixels. Scale it down first.") from error
    except UnidentifiedImageError as error:
        raise BenchError(f"{what} cannot be read as an image: Pillow knows no such format.") from error
    except Exception as error:  # Pillow's decoders raise many types, all with this meaning
        raise BenchError(f"{what} cannot be read as an image ({error}).") from error


def _upright(what: str, image: Image.Image) -> Image.Image:
    image.load()
    if image.mode.startswith(("I", "F")):
        raise BenchError(f"{what} has more than 8 bits a channel (mode {image.mode!r}). Save it with 8.")
    if not all(image.size):
        raise BenchError(f"{what} has no pixels ({image.width} x {image.height}).")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode in _PLAIN else image.convert("RGB")


def image_of_array(what: str, given: NDArray[Any]) -> Image.Image:
    """An array of one image as a PIL image. Raises BenchError, which names it `what`, for other shapes and numbers."""
    array = given
    flat = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not flat and array.ndim == 3 and array.shape[0] in (1, 3):
        array, flat = np.moveaxis(array, 0, 2) if array.shape[0] == 3 else array[0], True
    bits = array.dtype == bool or (np.issubdtype(array.dtype, np.floating) and _in_unit_range(array))
    if not flat or not array.size or not (bits or array.dtype == np.uint8):
        raise BenchError(
            f"{what} is an array of {given.dtype} {list(given.shape)}. Give [height, width], [height, width, 3] or "
            "[3, height, width], of uint8 or of floats from 0 to 1."
        )
    return Image.fromarray(np.round(array * 255.0).astype(np.uint8) if bits else np.ascontiguousarray(array))


def _in_unit_range(array: NDArray[Any]) -> bool:
    return bool(array.size and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1)
