"""An image file of any common format as uint8 pixels of one square size.

The largest centred square of an image is resized: the same as resizing the shorter side and cropping the centre. The
filter is Pillow's bicubic one, which averages when it makes an image smaller. Colour profiles are not applied.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from fewshot_bench.data.archives import page_start

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are decoded, by Pillow's names, whatever a file's suffix is. Of several frames, the first counts."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")
"""Suffixes of images, upper or lower case."""

NOT_DECODED = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".raw", ".cr2", ".nef", ".arw", ".dng")
"""Suffixes of images that are not decoded. They count as unreadable: a dataset without them would be another one."""

RESIZE = "largest centred square, bicubic (Pillow's); JPEGs read at no less than twice the size"
"""How images get their size, as the manifest of a pool says."""

_LFS_POINTER = b"version https://git-lfs"
_JPEG_SCALE = 2  # pixels read for each one kept, by side: what Pillow's own thumbnails have
_WHITE = 255


class UnreadableError(Exception):
    """The reason why a file is no image that can be used, for the end of a sentence."""


class Square(NamedTuple):
    """pixels: uint8 [channels, size, size]; on_white: it was transparent; enlarged: its shorter side was smaller."""

    pixels: NDArray[np.uint8]
    on_white: bool
    enlarged: bool


def decoded_square(content: bytes, size: int, gray: bool) -> Square:
    """The image in a file's content as pixels. Raises UnreadableError.

    Args:
        content: The bytes of the file.
        size: Height and width of the result, in pixels.
        gray: Whether the result has one channel (luma, ITU-R 601-2) in place of red, green and blue.
    """
    return square_of(_opened(content, size), size, gray)


def square_of(image: Image.Image, size: int, gray: bool) -> Square:
    """An open image as pixels: turned as its EXIF data says, transparent parts on white. Raises UnreadableError.

    Sixteen bits a channel become the upper eight.
    """
    image, on_white = _without_transparency(_eight_bits(_turned(image)))
    try:
        image = image.convert("L" if gray else "RGB")
    except ValueError as error:
        raise UnreadableError(f"its colours are {image.mode}; save it as RGB") from error
    width, height = image.size
    side = min(width, height)
    if (width, height) != (size, size):
        left, top = (width - side) / 2, (height - side) / 2
        image = image.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    pixels = np.asarray(image).reshape(size, size, -1).transpose(2, 0, 1)
    return Square(pixels, on_white, side < size)


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Within it, cut files are errors, also if other code told Pillow otherwise, and Pillow's warnings are silent.

    Pillow keeps both settings for the whole process, so this encloses all threads that decode.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _opened(content: bytes, size: int) -> Image.Image:
    """The first frame, decoded. A JPEG is decoded at a half, quarter or eighth if that is still twice `size`."""
    if not content:
        raise UnreadableError("it is empty")
    if page_start(content[:256]):
        raise UnreadableError("it is a web page")
    if content.startswith(_LFS_POINTER):
        raise UnreadableError("it is a pointer of Git LFS; run `git lfs pull`")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        wanted = _JPEG_SCALE * size / min(image.size)
        if wanted < 1:
            image.draft(None, (int(image.width * wanted), int(image.height * wanted)))
        image.load()
    except Image.DecompressionBombError as error:
        raise UnreadableError("it has more pixels than Pillow takes for harmless") from error
    except UnidentifiedImageError as error:
        raise UnreadableError("it is damaged, or no PNG, JPEG, WebP, GIF, BMP or TIFF") from error
    except Exception as error:  # Pillow's decoders raise many types, all with this meaning
        raise UnreadableError(f"it is cut short or damaged: {error}") from error
    return image


def _turned(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says; as it is if the EXIF data is damaged."""
    with suppress(Exception):  # Pillow's EXIF reader raises many types; the pixels are whole
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey images of 16 bits as 8 bits. Raises UnreadableError for numbers whose white is not known."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableError("its pixels are 32-bit numbers without a stated range; save it with 8 or 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _without_transparency(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image on white, and whether any of its pixels was transparent."""
    if not image.has_transparency_data:
        return image, False
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == _WHITE:
        return image, False
    ground = Image.new("RGBA", image.size, (_WHITE,) * 4)
    return Image.alpha_composite(ground, image), True
