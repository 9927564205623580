"""Encoded images to pixels, as the published pipelines made them."""

import io

import numpy as np
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.raw import Decoded

CHARACTER = ImageShape(1, 28, 28)
PHOTO = ImageShape(3, 84, 84)


def decode_character(name: str, content: bytes) -> Decoded:
    """A 1-bit PNG of a character -> [1, 28, 28]: paper 255, strokes 0, not inverted.

    The published pipelines ask Pillow for LANCZOS, which Pillow turns into nearest neighbour for 1-bit images; here it
    has its true name. Raises DataError for what does not decode or is not 1-bit.
    """
    return character(name, _opened(name, content))


def character(name: str, image: Image.Image) -> Decoded:
    """As `decode_character`, of an image that is open."""
    if image.mode != "1":
        raise DataError(f"{name} has image mode {image.mode!r}, not the 1-bit one of the originals. Use those.")
    resized = image.resize((CHARACTER.width, CHARACTER.height), Image.Resampling.NEAREST)
    return Decoded(np.asarray(resized)[None].astype(np.uint8) * np.uint8(255), "nearest")


def decode_photo(name: str, content: bytes) -> Decoded:
    """A photograph -> [3, 84, 84] RGB; other sizes are resized by Pillow's default filter, as in MAML++'s loader.

    Grey and CMYK photographs (ImageNet has some) become RGB. Raises DataError for other modes and undecodable files.
    """
    return photo(name, _opened(name, content))


def photo(name: str, image: Image.Image) -> Decoded:
    """As `decode_photo`, of an image that is open."""
    if image.mode not in ("RGB", "L", "CMYK"):
        raise DataError(f"{name} has image mode {image.mode!r}, as no photograph of ImageNet has. Use the originals.")
    image = image.convert("RGB")
    resize = "none"
    if image.size != (PHOTO.width, PHOTO.height):
        image, resize = image.resize((PHOTO.width, PHOTO.height)), "bicubic (Pillow's default)"
    return Decoded(np.asarray(image).transpose(2, 0, 1), resize)


def _opened(name: str, content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception as error:  # Pillow's decoders raise many kinds; to the user they are all one thing
        raise DataError(f"{name} cannot be decoded as an image ({error}). Get a fresh copy of it.") from error
    return image
