"""One's own images become what a dataset's own preparation makes of its files."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.decoding import decode_character, decode_photo
from fewshot_bench.library.preparing import _PREPARATIONS, prepare_images


def drawing(size=(105, 105), paper=255, ink=0, mode="L"):
    """A thick cross off the middle, which is no mirror image of itself."""
    image = Image.new("L", size, paper)
    pen = ImageDraw.Draw(image)
    side = min(size)
    pen.line((side * 0.2, side * 0.2, side * 0.7, side * 0.8), fill=ink, width=side // 15)
    pen.line((side * 0.2, side * 0.7, side * 0.6, side * 0.3), fill=ink, width=side // 15)
    return image.convert(mode)


def content(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_original_of_omniglot_becomes_what_is_in_the_pool(tmp_path):
    original = drawing(mode="1")
    (tmp_path / "0001_01.png").write_bytes(content(original))
    expected = decode_character("it", content(original)).pixels
    prepared = prepare_images([tmp_path / "0001_01.png", original], "omniglot")
    np.testing.assert_array_equal(prepared.pixels, np.stack([expected, expected]))
    assert prepared.names == ("0001_01.png", "1")
    assert prepared.done == ("28 x 28, nearest",) * 2


@pytest.mark.parametrize("dataset", ["omniglot", "glyphs"])
def test_light_on_dark_becomes_dark_on_light(dataset):
    dark = drawing((400, 400))
    as_it_is, inverted = (prepare_images(image, dataset) for image in (dark, ImageOps.invert(dark)))
    np.testing.assert_array_equal(as_it_is.pixels, inverted.pixels)
    assert "inverted" in inverted.done[0]
    assert "inverted" not in as_it_is.done[0]
    assert as_it_is.pixels.shape == (1, 1, 28, 28)
    assert np.median(as_it_is.pixels) == 255
    assert as_it_is.pixels.min() < 30
    assert set(np.unique(as_it_is.pixels)) == {0, 255} or dataset == "glyphs"


def test_what_is_ink_can_be_said():
    image = drawing((200, 200))
    told, found = (prepare_images(image, "glyphs", strokes=what).pixels for what in ("light", "auto"))
    assert np.abs(told.astype(int) - (255 - found)).max() <= 1  # halves of a grey level are rounded up in both


def test_faint_ink_on_grey_paper_has_its_contrast_stretched():
    faint = drawing((280, 280), paper=140, ink=60)
    assert "contrast stretched" in prepare_images(faint, "glyphs").done[0]
    np.testing.assert_array_equal(
        prepare_images(faint, "glyphs").pixels, prepare_images(drawing((280, 280)), "glyphs").pixels
    )


def test_averaging_is_the_mean_of_the_pixels_under_it():
    image = drawing((280, 280))
    mean = np.asarray(image, dtype=float).reshape(28, 10, 28, 10).mean((1, 3))
    assert np.abs(prepare_images(image, "glyphs").pixels[0, 0] - mean).max() < 1  # Pillow rounds twice


def test_what_is_not_square_is_filled_up_not_squeezed():
    tall = drawing((200, 300))
    square = Image.new("L", (300, 300), 255)
    square.paste(tall, (50, 0))
    prepared = prepare_images(tall, "glyphs")
    np.testing.assert_array_equal(prepared.pixels, prepare_images(square, "glyphs").pixels)
    assert "200 x 300 filled up to a square" in prepared.done[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_any_mode_becomes_grey(mode):
    image = drawing((280, 280)) if mode != "CMYK" else drawing((280, 280)).convert("RGB")
    np.testing.assert_array_equal(
        prepare_images(image.convert(mode), "glyphs").pixels, prepare_images(image, "glyphs").pixels
    )


def test_what_is_transparent_is_paper():
    ink = drawing((280, 280))
    clear = Image.new("RGBA", (280, 280), (0, 0, 0, 0))
    clear.putalpha(ImageOps.invert(ink))
    np.testing.assert_array_equal(prepare_images(clear, "glyphs").pixels, prepare_images(ink, "glyphs").pixels)


def test_photographs_go_the_datasets_own_way():
    random = np.random.default_rng(0)
    array = random.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    expected = decode_photo("it", content(Image.fromarray(array))).pixels
    for given in (array, Image.fromarray(array), array / 255.0, np.moveaxis(array, 2, 0)):
        prepared = prepare_images(given, "mini-imagenet")
        np.testing.assert_array_equal(prepared.pixels, expected[None])
        assert prepared.done[0] == "from 160 x 120 to 84 x 84, bicubic (Pillow's default)"
    assert prepare_images(array[:84, :84], "mini-imagenet").done == ("as it came",)


def test_a_camera_that_was_held_upright_is_believed():
    array = np.random.default_rng(0).integers(0, 256, (84, 84, 3), dtype=np.uint8)
    image = Image.fromarray(array)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    prepared = prepare_images(Image.open(file), "mini-imagenet").pixels[0]
    np.testing.assert_array_equal(prepared, np.rot90(array, -1).transpose(2, 0, 1))


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_in_a_pool_goes_as_it_is(dataset):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (4, *DATASETS[dataset].shape), dtype=np.uint8)
    prepared = prepare_images(pixels, dataset)
    np.testing.assert_array_equal(prepared.pixels, pixels)
    assert set(prepared.done) == {"as it came"}


def test_every_dataset_has_a_preparation():
    assert set(_PREPARATIONS) == set(DATASETS)


def test_what_is_no_image_is_a_sentence(tmp_path):
    (tmp_path / "page.png").write_text("<html>")
    with pytest.raises(BenchError, match=r"page\.png cannot be read as an image"):
        prepare_images(tmp_path / "page.png", "omniglot")
    with pytest.raises(BenchError, match="cannot be read as an image"):
        prepare_images(str(tmp_path / "nowhere.png"), "omniglot")
    with pytest.raises(BenchError, match=r"image 0 is an array of float64 \[28, 28\]"):
        prepare_images(np.full((28, 28), 3.0), "omniglot")
    with pytest.raises(BenchError, match="array of int64"):
        prepare_images(np.ones((28, 28), dtype=np.int64), "omniglot")
    with pytest.raises(BenchError, match="more than 8 bits"):
        prepare_images(Image.new("I;16", (30, 30)), "omniglot")
    with pytest.raises(BenchError, match="there is no image"):
        prepare_images([], "omniglot")
    with pytest.raises(BenchError, match="unknown dataset"):
        prepare_images(drawing(), "mnist")
