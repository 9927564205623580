"""CUB: every layout gives the same ragged pool, the split is Chen et al.'s, and faults are one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import cub
from fewshot_bench.data.datasets import dataset_named, open_pool, split_of
from fewshot_bench.data.locations import prepared_pool
from fewshot_bench.data.raw import decode_photo
from fewshot_bench.data.sources import download
from fewshot_bench.data.splits import PARTS, all_classes, read_split
from fewshot_bench.data.verifying import verify
from tests import fake_data as fake

CLASSES = all_classes("cub", "chen")
COUNTS = {name: 1 + number % 3 for number, name in enumerate(CLASSES)}


@pytest.fixture(scope="module")
def photographs() -> dict[str, bytes]:
    """`013.Bobolink/Bobolink_0001.jpg` -> JPEG, of one to three different images a class."""
    names = [f"{name}/{name[4:]}_{number:04d}.jpg" for name in CLASSES for number in range(COUNTS[name])]
    return {name: fake.jpeg(seed, size=20) for seed, name in enumerate(names)}


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cub, "IMAGES", sum(COUNTS.values()))


def as_published(photographs: fake.Files) -> dict[str, bytes]:
    """With what else is in the archive."""
    return {
        "attributes.txt": b"1 has_bill_shape::curved",
        "CUB_200_2011/bounding_boxes.txt": b"1 60.0 27.0 325.0 304.0",
        **{f"CUB_200_2011/images/{name}": content for name, content in photographs.items()},
    }


LAYOUTS: dict[str, tuple[str, Callable[[Path, fake.Files], object]]] = {
    "tgz": ("archive", lambda at, files: fake.write_tar(at / "CUB_200_2011.tar.gz", as_published(files))),
    "tgz by another name": ("archive", lambda at, files: fake.write_tar(at / "birds.tar", as_published(files))),
    "unpacked": ("class folders", lambda at, files: fake.write_folder(at, as_published(files))),
    "class folders": ("class folders", lambda at, files: fake.write_folder(at, files)),
    "zip of class folders": ("archive", lambda at, files: fake.write_zip(at / "images.zip", files)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_pool(layout: str, photographs: dict[str, bytes], tmp_path: Path) -> None:
    kind, write = LAYOUTS[layout]
    write(tmp_path, photographs)
    pool = open_pool(dataset_named("cub"), tmp_path)
    assert pool.manifest["source"]["layout"] == kind
    assert pool.classes == CLASSES
    assert pool.counts.tolist() == list(COUNTS.values())
    for row in (0, 1, 198, 199):
        mine = [content for name, content in photographs.items() if name.startswith(f"{CLASSES[row]}/")]
        np.testing.assert_array_equal(pool.of_class(row), [decode_photo("", content).pixels for content in mine])
    assert verify(dataset_named("cub"), pool).splits[0].startswith("chen 100/50/50 classes")


def test_the_split_is_the_papers() -> None:
    """Filelists of wyharveychen/CloserLookFewShot: by the place of a class folder, even, 1 of 4, 3 of 4."""
    split = read_split("cub", "chen")
    assert [name[:3] for name in CLASSES] == [f"{number:03d}" for number in range(1, 201)]
    places = {part: [CLASSES.index(name) for name in split.part(part)] for part in PARTS}
    assert places == {
        "train": [place for place in range(200) if place % 2 == 0],
        "val": [place for place in range(200) if place % 4 == 1],
        "test": [place for place in range(200) if place % 4 == 3],
    }


def test_another_size_is_another_pool(photographs: dict[str, bytes], tmp_path: Path) -> None:
    fake.write_folder(tmp_path, photographs)
    pool = open_pool(dataset_named("cub", (("size", 32),)), tmp_path)
    assert pool.images.shape == (len(photographs), 3, 32, 32)
    assert prepared_pool(dataset_named("cub"), tmp_path) is None


def test_images_that_recur_are_tolerated_and_listed(photographs: dict[str, bytes], tmp_path: Path) -> None:
    """Nobody has looked whether the published photographs recur, so a copy that has some can still be used."""
    first, second = f"{CLASSES[0]}/{CLASSES[0][4:]}_0000.jpg", f"{CLASSES[3]}/{CLASSES[3][4:]}_0000.jpg"
    fake.write_folder(tmp_path, {**photographs, second: photographs[first]})
    pool = open_pool(dataset_named("cub"), tmp_path)
    assert split_of(dataset_named("cub"), "chen", pool).name == "chen"
    assert "1 known duplicate image between parts" in verify(dataset_named("cub"), pool).splits[0]


def test_no_download() -> None:
    with pytest.raises(DataError, match=r"cub has no download here: .*data import cub --from PATH"):
        download(dataset_named("cub"), Path("nowhere"))


def sentence(folder: Path) -> str:
    """What opening CUB in `folder` complains of; it leaves no pool."""
    with pytest.raises(DataError) as caught:
        open_pool(dataset_named("cub"), folder)
    assert prepared_pool(dataset_named("cub"), folder) is None
    assert [path.name for path in folder.glob(".prepared/*/*")] == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_folders(photographs: dict[str, bytes], tmp_path: Path) -> None:
    name = f"{CLASSES[2]}/{CLASSES[2][4:]}_0001.jpg"
    of_one = {file for file in photographs if file.startswith(CLASSES[5])}
    for number, (files, complaint) in enumerate(
        [
            ({file: photographs[file] for file in photographs if file != name}, "has 398 images of 399"),
            ({file: photographs[file] for file in photographs if file not in of_one}, f"1 class missing: {CLASSES[5]}"),
            ({**photographs, name: photographs[name][:100]}, f"{name} cannot be decoded"),
        ]
    ):
        folder = tmp_path / str(number)
        fake.write_folder(folder, files)
        assert complaint in sentence(folder)


def test_bad_archives(photographs: dict[str, bytes], tmp_path: Path) -> None:
    for number, content in enumerate((b"<html>busy</html>", b"PK\x03\x04" + bytes(100))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "CUB_200_2011.tgz").write_bytes(content)
        assert "CUB_200_2011.tgz is" in sentence(folder)
    folder = tmp_path / "torn"
    folder.mkdir()
    fake.write_tar(folder / "CUB_200_2011.tar.gz", as_published(photographs))
    whole = (folder / "CUB_200_2011.tar.gz").read_bytes()
    (folder / "CUB_200_2011.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert "is cut short or damaged" in sentence(folder)
    fake.write_zip(tmp_path / "birds.zip", {"birds/robin/1.jpg": b""})
    assert dataset_named("cub").find_raw(tmp_path / "birds.zip") is None
    assert "neither a pool nor raw files" in sentence(tmp_path)
