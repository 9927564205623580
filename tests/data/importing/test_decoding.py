"""Every format and mode becomes the same pixels; what is damaged is told and never becomes grey."""

import numpy as np
import pytest
from PIL import Image, ImageFile

from fewshot_bench.data.importing.decoding import UnreadableError, decoded_square, strict_decoding
from tests.own_images import encoded, picture

SIZE = 16


def pixels(content: bytes, gray: bool = False) -> np.ndarray:
    square = decoded_square(content, SIZE, gray)
    assert square.pixels.dtype == np.uint8 and square.pixels.shape == (1 if gray else 3, SIZE, SIZE)
    return square.pixels.astype(int)


def expected(image: Image.Image) -> np.ndarray:
    """The square by the long way: the shorter side resized, then the centre cropped."""
    width, height = image.size
    scale = SIZE / min(width, height)
    resized = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    left, top = (resized.width - SIZE) // 2, (resized.height - SIZE) // 2
    return np.asarray(resized.crop((left, top, left + SIZE, top + SIZE))).transpose(2, 0, 1).astype(int)


RGB = picture(1, 48, 32)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_lossless_file_is_resized_and_cropped(form, options):
    assert np.array_equal(pixels(encoded(RGB, form, **options)), expected(RGB))


@pytest.mark.parametrize("width", [48, 480])
def test_a_jpeg_is_close_to_the_whole_one(width):
    """A large one is decoded at half or a quarter of its size."""
    smooth = picture(2, 6, 4).resize((width, width * 2 // 3), Image.Resampling.BICUBIC)
    assert np.abs(pixels(encoded(smooth, "JPEG", quality=98, subsampling=0)) - expected(smooth)).mean() < 2


def test_an_image_of_the_right_size_keeps_its_pixels():
    own = picture(3, SIZE, SIZE)
    assert np.array_equal(pixels(encoded(own)), np.asarray(own).transpose(2, 0, 1))


def test_gray_is_luma_and_gray_images_become_colour():
    luma = RGB.convert("L")
    assert np.array_equal(pixels(encoded(RGB), gray=True)[0], pixels(encoded(luma), gray=True)[0])
    assert np.array_equal(pixels(encoded(luma)), np.repeat(pixels(encoded(luma), gray=True), 3, 0))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF"])
def test_modes_of_few_colours(mode, form):
    image = RGB.convert(mode)
    assert np.array_equal(pixels(encoded(image, form)), expected(image.convert("RGB")))


def test_cmyk():
    image = RGB.convert("CMYK")
    assert np.array_equal(pixels(encoded(image, "TIFF")), expected(image.convert("RGB")))
    assert np.abs(pixels(encoded(image, "JPEG", quality=100)) - expected(image.convert("RGB"))).mean() < 8


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(form):
    values = np.linspace(0, 65535, SIZE * SIZE).astype(np.uint16).reshape(SIZE, SIZE)
    assert np.array_equal(pixels(encoded(Image.fromarray(values), form), gray=True)[0], values >> 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_transparent_pixels_are_white(mode):
    """A colour of a palette, of RGB or of grey may be transparent too."""
    black = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 255))
    black.paste((200, 200, 200, 0), (0, 0, SIZE, SIZE // 2))
    if mode in ("RGBA", "LA"):
        content = encoded(black.convert(mode))
    elif mode == "P":
        image = Image.new("P", (SIZE, SIZE), 1)
        image.putpalette([200, 200, 200, 0, 0, 0])
        image.paste(0, (0, 0, SIZE, SIZE // 2))
        content = encoded(image, transparency=0)
    else:
        content = encoded(black.convert(mode), transparency=(200, 200, 200) if mode == "RGB" else 200)
    square = decoded_square(content, SIZE, False)
    assert square.on_white
    assert (square.pixels[:, : SIZE // 2] == 255).all() and (square.pixels[:, SIZE // 2 :] == 0).all()


def test_opaque_alpha_is_not_counted():
    square = decoded_square(encoded(RGB.convert("RGBA")), SIZE, False)
    assert not square.on_white and np.array_equal(square.pixels, expected(RGB))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # stored turned the other way
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = RGB.transpose(turn[orientation]) if orientation in turn else RGB
    assert np.array_equal(pixels(encoded(stored, "PNG", exif=exif)), expected(RGB))


def test_damaged_exif_data_leaves_the_image_as_it_is():
    assert np.array_equal(pixels(encoded(RGB, "PNG", exif=b"Exif\x00\x00II*\x00garbage")), expected(RGB))


def test_the_first_frame_counts():
    frames = [picture(seed, SIZE, SIZE).convert("P", palette=Image.Palette.ADAPTIVE) for seed in (1, 2)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(pixels(content), np.asarray(frames[0].convert("RGB")).transpose(2, 0, 1))


def test_a_small_image_is_enlarged_and_counted():
    assert decoded_square(encoded(picture(1, 4, 40)), SIZE, False).enlarged
    assert not decoded_square(encoded(RGB), SIZE, False).enlarged


WHOLE = {
    "PNG": encoded(RGB),
    "JPEG": encoded(RGB, "JPEG"),
    "progressive JPEG": encoded(RGB, "JPEG", progressive=True),
    "WebP": encoded(RGB, "WEBP"),
    "GIF": encoded(RGB, "GIF"),
    "BMP": encoded(RGB, "BMP"),
    "TIFF": encoded(RGB, "TIFF"),
    "LZW TIFF": encoded(RGB, "TIFF", compression="tiff_lzw"),
    "16-bit PNG": encoded(Image.fromarray(np.random.default_rng(0).integers(0, 65536, (30, 40), np.uint16))),
}


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("form", WHOLE)
def test_a_cut_file_is_unreadable_even_if_pillow_was_told_otherwise(form, kept, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    content = WHOLE[form]
    with strict_decoding(), pytest.raises(UnreadableError, match="damaged"):
        decoded_square(content[: int(kept * len(content))], SIZE, False)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


UNREADABLE = {
    "empty": (b"", "it is empty"),
    "web page": (b"<!DOCTYPE html><html></html>", "it is a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "text": (b"not an image", "no PNG, JPEG, WebP, GIF, BMP or TIFF"),
    "float": (encoded(Image.new("F", (4, 4), 0.5), "TIFF"), "without a stated range"),
    "32 bits": (encoded(Image.new("I", (4, 4), 70000), "TIFF"), "without a stated range"),
    "PPM": (encoded(RGB, "PPM"), "no PNG, JPEG"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_image_says_why(case):
    content, why = UNREADABLE[case]
    with pytest.raises(UnreadableError, match=why):
        decoded_square(content, SIZE, False)


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with strict_decoding(), pytest.raises(UnreadableError, match="more pixels"):
        decoded_square(encoded(RGB), SIZE, False)
