"""What folders say of a user's images."""

import unicodedata
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.importing.layouts import by_folders, wrapper
from fewshot_bench.data.importing.scanning import scan
from tests import fake_data as fake
from tests.own_images import classes, encoded, picture, png, write


def labels(source: Path) -> dict[str, tuple[str, str | None]]:
    """File -> (class, part), of a scan without faults."""
    found = scan(source)
    assert found.faults == () and found.layout.faults == ()
    return {image.file: (image.klass, image.part) for image in found.layout.images}


def test_class_folders(tmp_path):
    files = {"red bird/1.png": png(1), "Crème brûlée/a b.JPG": png(2), "wren/2.webp": png(3)}
    assert labels(write(tmp_path, files)) == {
        "red bird/1.png": ("red bird", None),
        "Crème brûlée/a b.JPG": ("Crème brûlée", None),
        "wren/2.webp": ("wren", None),
    }


def test_names_are_the_same_on_macos_and_linux(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Crème")
    assert decomposed != "Crème"
    found = labels(write(tmp_path, {f"{decomposed}/1.png": png(1), "b/1.png": png(2)}))
    assert {klass for klass, _ in found.values()} == {"b", "Crème"}


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "valid", "TEST"), ("train", "dev", "testing")]
)
def test_parts_of_class_folders(tmp_path, names):
    files = {name: png(1) for top in names for name in (f"{top}/{top}-a/1.png", f"{top}/{top}-b/x/2.png")}
    found = labels(write(tmp_path, files))
    for top, part in zip(names, ("train", "val", "test"), strict=True):
        assert found[f"{top}/{top}-a/1.png"] == (f"{top}-a", part)
        assert found[f"{top}/{top}-b/x/2.png"] == (f"{top}-b/x", part)


def test_a_class_may_be_called_train(tmp_path):
    assert labels(write(tmp_path, {"train/1.png": b"", "bus/1.png": b"", "car/1.png": b""}))["train/1.png"] == (
        "train",
        None,
    )


def test_the_class_of_nested_folders_is_their_path_and_said_so(tmp_path):
    write(tmp_path, {f"{alphabet}/{name}/1.png": png(1) for alphabet in ("Greek", "Latin") for name in "ab"})
    found = scan(tmp_path).layout
    assert [image.klass for image in found.images] == ["Greek/a", "Greek/b", "Latin/a", "Latin/b"]
    assert found.kind == "class folders, the class is the path of an image's folder, as 'Greek/a'"


def test_folders_around_everything_are_no_part_of_the_class(tmp_path):
    assert wrapper(["data/birds/wren/1.png", "data/birds/robin/2.png"]) == ("data", "birds")
    assert wrapper(["birds/wren/1.png"]) == ("birds",) and wrapper(["wren/1.png"]) == () and wrapper([]) == ()
    found = labels(write(tmp_path, {f"data/birds/{part}/{part}/1.png": b"" for part in ("train", "val", "test")}))
    assert found["data/birds/val/val/1.png"] == ("val", "val")


def test_order_is_by_class_then_file():
    files = ["b/1.png", "a/10.png", "a/2.png", "B/1.png"]
    assert [image.file for image in by_folders(files).images] == ["B/1.png", "a/10.png", "a/2.png", "b/1.png"]


def test_links_are_followed(tmp_path):
    real = write(tmp_path / "real", classes(2))
    links = tmp_path / "links"
    links.mkdir()
    (links / "one").symlink_to(real / "class00")
    (links / "two").mkdir()
    (links / "two" / "image").symlink_to(real / "class01" / "image1.png")  # without a suffix
    assert {klass for klass, _ in labels(links).values()} == {"one", "two"} and len(labels(links)) == 4


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_an_archive(form, tmp_path):
    files = {f"birds/{name}": content for name, content in {**classes(3), "._junk.png": b"", "notes.txt": b""}.items()}
    (fake.write_zip if form == "zip" else fake.write_tar)(tmp_path / f"birds.{form}", files)
    found = scan(tmp_path / f"birds.{form}")
    assert len(found.layout.images) == 9 and found.layout.images[0].klass == "class00"
    assert found.left_out == {"hidden": 1, ".txt": 1}


def test_hidden_and_foreign_files_are_counted(tmp_path):
    junk = {
        "class00/._x.jpg": b"",
        ".DS_Store": b"",
        "class01/Thumbs.db": b"",
        "notes.txt": b"",
        "class00/README": b"text",
    }
    found = scan(write(tmp_path, {**classes(2), **junk, ".git/objects/1.png": b"", "__MACOSX/class00/1.png": b""}))
    assert len(found.layout.images) == 6
    assert found.left_out == {"hidden": 3, ".db": 1, ".txt": 1, "README": 1}  # folders that are hidden are not opened


FAULTS = {
    "an image outside any class": (
        {**classes(2), "loose.png": png(1)},
        "1 image outside any class folder: 'loose.png'. Move it into a folder of its class.",
    ),
    "images in train itself": (
        {**classes(2, prefix="train/"), **classes(2, prefix="test/"), "train/1.png": png(1)},
        "1 image outside any class folder: 'train/1.png'",
    ),
    "a folder beside train": (
        {**classes(2, prefix="train/"), **classes(2, prefix="test/"), "more/x/1.png": png(1)},
        "1 folder beside test and train: 'more'. Move it into one of them, or away.",
    ),
    "images beside folders of images": (
        {"a/1.png": png(1), "a/b/2.png": png(2), "c/3.png": png(3)},
        "1 folder with both images and folders of images: 'a'.",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_of_folders(case, tmp_path):
    files, message = FAULTS[case]
    (fault,) = scan(write(tmp_path, files)).layout.faults
    assert message in fault


def test_dead_links_are_faults(tmp_path):
    write(tmp_path, {**classes(2), "class00/a/b/c/deep.png": png(1)})
    (tmp_path / "class00" / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "class00" / "a" / "b" / "c" / "gone too.png").symlink_to(tmp_path / "nowhere")
    (fault,) = scan(tmp_path).faults
    assert (
        fault.startswith("2 paths to nothing, a dead link or an unreadable folder: ")
        and "'class00/a/b/c/gone too.png'" in fault
    )


def test_a_name_that_is_not_utf8_is_a_fault(tmp_path):
    try:
        write(tmp_path, {**classes(2), "caf\udce9/1.png": png(1)})
    except OSError:
        pytest.skip("this disk takes names in UTF-8 only")
    (fault,) = scan(tmp_path).layout.faults
    assert fault == "1 class whose name is not UTF-8: 'caf\\udce9'. Rename it."


NOTHING = {
    "an empty folder": ({}, "no image in {}; it holds nothing. Give a folder of folders, one for each class."),
    "other files": ({"a.txt": b"", "b.txt": b"", ".x": b""}, "no image in {}; it holds 2 .txt, 1 hidden."),
    "an archive in a folder": ({"birds.zip": b""}, "it holds 1 .zip. Give the archive: --from {}/birds.zip."),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_to_import(case, tmp_path):
    files, message = NOTHING[case]
    with pytest.raises(DataError) as caught:
        scan(write(tmp_path, files))
    assert message.replace("{}", str(tmp_path)) in str(caught.value)


def test_a_source_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"gone does not exist\. Give the folder"):
        scan(tmp_path / "gone")
    (tmp_path / "one.png").write_bytes(encoded(picture(1)))
    with pytest.raises(DataError, match=r"one\.png is no folder, no archive and no table"):
        scan(tmp_path / "one.png")
