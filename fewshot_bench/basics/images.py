"""The shape of an image, which data and backbones share without importing each other."""

from typing import NamedTuple


class ImageShape(NamedTuple):
    """Channels, height and width, in pixels."""

    channels: int
    height: int
    width: int
