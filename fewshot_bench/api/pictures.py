"""Images of a task side by side, class by class, as one picture."""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fewshot_bench.data.glyph_faces import path_of

PAPER, INK, EDGE = (255, 255, 255), (34, 38, 43), (214, 218, 222)
TEXT = 13  # pixels
GAP, BLOCK_GAP, MARGIN = 3, 16, 8  # pixels: between images, between blocks, around everything
SIDE = 84  # smaller images are shown this large, or nearly: by a whole factor, so that pixels stay squares


class Row(NamedTuple):
    """label: the class; blocks: images that belong together, uint8 [n, channels, height, width] each."""

    label: str
    blocks: Sequence[NDArray[np.uint8]]


def sheet(headings: Sequence[str], rows: Sequence[Row]) -> Image.Image:
    """A line of images a row, its label at the left; headings: one a block. Blocks may differ in length by row."""
    font = ImageFont.truetype(str(path_of("DejaVuSans")), TEXT)
    height, width = rows[0].blocks[0].shape[-2:]
    scale = max(1, SIDE // max(height, width))
    step_x, step_y = width * scale + GAP, height * scale + GAP
    longest = [max(len(row.blocks[index]) for row in rows) for index in range(len(headings))]
    left = MARGIN + int(max(font.getlength(row.label) for row in rows)) + MARGIN
    starts = [left]
    for heading, count in zip(headings, longest, strict=True):
        starts.append(starts[-1] + max(count * step_x, int(font.getlength(heading))) + BLOCK_GAP)
    top = MARGIN + TEXT + MARGIN
    size = starts[-1] - BLOCK_GAP + MARGIN, top + len(rows) * step_y + MARGIN
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    for heading, x in zip(headings, starts, strict=False):
        pen.text((x, MARGIN), heading, fill=INK, font=font)
    for line, row in enumerate(rows):
        y = top + line * step_y
        pen.text((MARGIN, y + step_y // 2), row.label, fill=INK, font=font, anchor="lm")
        for block, x in zip(row.blocks, starts, strict=False):
            for place, pixels in enumerate(block):
                shown = as_image(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST)
                corner = x + place * step_x, y
                picture.paste(shown, corner)
                pen.rectangle((*corner, corner[0] + shown.width - 1, corner[1] + shown.height - 1), outline=EDGE)
    return picture


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """One image of a pool, uint8 [1 or 3, height, width], as a picture."""
    whole: NDArray[Any] = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return Image.fromarray(whole)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file's content, which a notebook shows."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
