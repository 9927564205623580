"""One's own images become what a dataset's own preparation makes of its files."""

import gc
import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from fewshot_bench.api.preparing import prepare_images
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.datasets import DATASETS, dataset_named
from fewshot_bench.data.raw import decode_character, decode_photo


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
    pixels = random.integers(0, 256, (4, *dataset_named(dataset).shape), dtype=np.uint8)
    prepared = prepare_images(pixels, dataset)
    np.testing.assert_array_equal(prepared.pixels, pixels)
    assert set(prepared.done) == {"as it came"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_tensors_are_as_arrays(dataset):
    shape = dataset_named(dataset).shape
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    whole = torch.from_numpy(pixels)
    for given in (whole, list(whole), [pixels[0], whole[1], pixels[2]]):
        prepared = prepare_images(given, dataset)
        np.testing.assert_array_equal(prepared.pixels, pixels)
        assert prepared.names == ("0", "1", "2")
    large = np.random.default_rng(1).random((2, shape.channels, 90, 120))
    expected = prepare_images(large, dataset).pixels
    for given in (torch.from_numpy(large), torch.from_numpy(large).requires_grad_()):
        np.testing.assert_array_equal(prepare_images(given, dataset).pixels, expected)
    one = torch.from_numpy(large[0])
    np.testing.assert_array_equal(prepare_images(one, dataset).pixels, expected[:1])
    assert prepare_images(one.to(torch.bfloat16), dataset).pixels.shape == (1, *shape)


def test_the_content_of_a_file_and_an_open_file_are_images(tmp_path):
    path = tmp_path / "cross.png"
    path.write_bytes(content(drawing()))
    expected = prepare_images(path, "omniglot").pixels
    with path.open("rb") as file:
        for given in (path.read_bytes(), bytearray(path.read_bytes()), io.BytesIO(path.read_bytes()), file):
            np.testing.assert_array_equal(prepare_images(given, "omniglot").pixels, expected)
            np.testing.assert_array_equal(prepare_images([path.read_bytes()], "omniglot").pixels, expected)
        assert not file.closed


def test_a_folder_stands_for_the_images_below_it(tmp_path):
    images = {"b.png": drawing((50, 50)), "a/2.png": drawing((60, 60)), "a/1.png": drawing((70, 70))}
    for name, image in images.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.save(tmp_path / name)
    for name in (".DS_Store", "Thumbs.db", ".ipynb_checkpoints"):
        (tmp_path / name).mkdir() if name.endswith("points") else (tmp_path / name).touch()
    (tmp_path / ".ipynb_checkpoints" / "b-checkpoint.png").write_text("")
    for given in (tmp_path, str(tmp_path)):
        prepared = prepare_images(given, "glyphs")
        assert prepared.names == ("a/1.png", "a/2.png", "b.png")
        assert [done.partition(" pixels")[0] for done in prepared.done] == [
            "from 70 to 28", "from 60 to 28", "from 50 to 28"
        ]  # fmt: skip
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BenchError, match=r"notes\.txt cannot be read as an image: Pillow knows no such format"):
        prepare_images(tmp_path, "glyphs")


def test_files_are_closed(tmp_path):
    """Of a format with several frames Pillow keeps the file open; a warning of it is an error here."""
    frames = [drawing((40, 40)), drawing((40, 40), paper=200)]
    for name in ("moving.gif", "pages.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    (tmp_path / "torn.tiff").write_bytes((tmp_path / "pages.tiff").read_bytes()[:300])
    for name in ("moving.gif", "pages.tiff"):
        assert prepare_images(tmp_path / name, "glyphs").pixels.shape == (1, 1, 28, 28)
    with pytest.raises(BenchError, match="cannot be read as an image"):
        prepare_images(tmp_path / "torn.tiff", "glyphs")
    gc.collect()


def png_that_says(width, height):
    """A PNG whose header claims a size."""
    png = bytearray(content(Image.new("1", (8, 8))))
    png[16:24] = struct.pack(">II", width, height)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    return bytes(png)


def test_a_scan_that_is_too_large_is_a_sentence(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(png_that_says(20_000, 20_000))
    for given, what in ((path, "scan.png"), (path.read_bytes(), "image 0")):
        with pytest.raises(BenchError, match=rf"{what} has more than 178,956,970 pixels\. Scale it down first"):
            prepare_images(given, "omniglot")


def test_a_large_scan_is_prepared(monkeypatch):
    """Between Pillow's warning and its refusal; the photograph has no second opening that could warn."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    large = drawing((150, 150))
    for dataset in ("omniglot", "mini-imagenet"):
        expected = prepare_images(large, dataset).pixels
        np.testing.assert_array_equal(prepare_images(content(large), dataset).pixels, expected)


NO_IMAGES = {
    "nothing": (None, "images are a NoneType"),
    "a number": (3, "images are a int"),
    "a dict": ({"a": drawing()}, "images are a dict"),
    "a list with nothing": ([None], "image 0 is a NoneType"),
    "nested lists": ([[drawing(), drawing()]], "image 0 is a list.* in one flat list"),
    "rows of pixels": ([[0, 255], [255, 0]], "image 0 is a list"),
    "bytes of no image": (b"hello", "image 0 cannot be read as an image: Pillow knows no such format"),
    "text": (io.StringIO("hello"), "image 0 cannot be read as an image"),
    "a tensor of numbers": (torch.randn(3, 28, 28) * 9, r"image 0 is an array of float32 \[3, 28, 28\]"),
    "five axes": (np.zeros((1, 1, 1, 28, 28), np.uint8), r"image 0 is an array of uint8 \[1, 1, 28, 28\]"),
    "no pixels": (Image.new("L", (0, 5)), r"image 0 has no pixels \(0 x 5\)"),
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image_by_its_type_is_a_sentence(kind):
    images, says = NO_IMAGES[kind]
    with pytest.raises(BenchError, match=says):
        prepare_images(images, "omniglot")


def test_an_image_that_was_closed_is_a_sentence(tmp_path):
    drawing().save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(BenchError, match="image 0 cannot be read as an image"):
        prepare_images(image, "omniglot")


def test_strokes_that_do_not_exist_are_a_sentence():
    with pytest.raises(BenchError, match=r"unknown value of strokes 'drak' \(did you mean 'dark'\?\)"):
        prepare_images(drawing(), "omniglot", strokes="drak")


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
