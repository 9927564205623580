"""tieredImageNet: three layouts, classes of unequal size, parts from the files, and faults in one sentence."""

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import tiered_imagenet
from fewshot_bench.data.datasets import dataset_named, open_pool, split_of
from fewshot_bench.data.locations import prepared_pool
from fewshot_bench.data.sources import download
from fewshot_bench.data.splits import PARTS, SplitSizes
from fewshot_bench.data.verifying import verify
from tests import fake_data as fake

SIZES = SplitSizes(60, 30, 20)
"""Classes of each part of the stand-ins; more together than mini-ImageNet has."""


@pytest.fixture(autouse=True)
def few_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiered_imagenet, "SIZES", SIZES)


Part = tuple[NDArray[np.uint8], list[int]]
"""images [n, 84, 84, 3] and the class of each, as numbers from 0."""


def made() -> dict[str, Part]:
    """One image of each class, and a second of every third."""
    random = np.random.default_rng(0)
    parts = {}
    for part, classes in zip(PARTS, SIZES, strict=True):
        labels = random.permutation([*range(classes), *range(0, classes, 3)]).tolist()
        parts[str(part)] = (random.integers(0, 256, (len(labels), 84, 84, 3), dtype=np.uint8), labels)
    return parts


GIVEN = made()


def labels_of(part: str, named: bool = True) -> dict[Any, Any]:
    labels = GIVEN[part][1]
    if not named:
        return {"labels": labels}
    names = [f"thing {number}" for number in range(max(labels) + 1)]
    return {"label_specific": np.array(labels), "label_specific_str": names, "label_general_str": ["things"]}


def png(image: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def pickles() -> dict[str, bytes]:
    """PNGs as columns of bytes, as OpenCV encodes them."""
    files = {}
    for part, (images, _) in GIVEN.items():
        columns = [np.frombuffer(png(image), np.uint8)[:, None] for image in images]
        files[f"{part}_images_png.pkl"] = pickle.dumps(columns, protocol=2)
        files[f"{part}_labels.pkl"] = pickle.dumps(labels_of(part), protocol=2)
    return files


def arrays() -> dict[str, bytes]:
    files = {}
    for part, (images, _) in GIVEN.items():
        files[f"{part}_images.npz"] = npz(images=images)
        files[f"{part}_labels.pkl"] = pickle.dumps(labels_of(part, named=False))
    return files


def npz(**arrays: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def folders() -> dict[str, bytes]:
    """`train/n00000017/3.png`: WordNet ids made up, the parts' one after another."""
    first = dict(zip(PARTS, (0, 1000, 2000), strict=True))
    return {
        f"{part}/n{first[part] + label:08d}/{index:03d}.png": png(images[index])  # type: ignore[index]
        for part, (images, labels) in GIVEN.items()
        for index, label in enumerate(labels)
    }


LAYOUTS: dict[str, tuple[Callable[[], dict[str, bytes]], str, str]] = {
    "pickles of PNGs": (pickles, "train/thing 3", "test/thing 19"),
    "arrays": (arrays, "train/003", "test/019"),
    "class folders": (folders, "train/n00000003", "test/n00002019"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_its_images(layout: str, tmp_path: Path) -> None:
    write, third, last = LAYOUTS[layout]
    fake.write_folder(tmp_path, write())
    known = dataset_named("tiered-imagenet")
    pool = open_pool(known, tmp_path)
    assert pool.manifest["source"]["layout"] == layout
    for name, part, label in ((third, "train", 3), (last, "test", 19)):
        images, labels = GIVEN[part]
        expected = images[[index for index, other in enumerate(labels) if other == label]]
        np.testing.assert_array_equal(pool.of_class(pool.classes.index(name)), expected.transpose(0, 3, 1, 2))
    assert sorted(set(pool.counts.tolist())) == [1, 2]
    split = split_of(known, "ren", pool)
    assert tuple(len(split.part(part)) for part in PARTS) == SIZES
    assert all(name.startswith(f"{part}/") for part in PARTS for name in split.part(part))


def test_the_numbers_are_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ren et al. 2018, section 4.2: 351, 97 and 160 classes."""
    monkeypatch.undo()
    known = dataset_named("tiered-imagenet")
    assert known.sizes("ren") == (351, 97, 160)
    assert known.classes == 608


def test_a_pool_is_verified_and_may_have_another_size(tmp_path: Path) -> None:
    fake.write_folder(tmp_path, arrays())
    known = dataset_named("tiered-imagenet", (("size", 32),))
    pool = open_pool(known, tmp_path)
    assert pool.shape == (3, 32, 32)
    assert verify(known, pool).splits[0].startswith("ren 60/30/20 classes")


def test_no_download() -> None:
    with pytest.raises(DataError, match=r"tiered-imagenet has no download here: .*data import tiered-imagenet"):
        download(dataset_named("tiered-imagenet"), Path("nowhere"))


def sentence(folder: Path) -> str:
    """What opening tieredImageNet in `folder` complains of; it leaves no pool."""
    with pytest.raises(DataError) as caught:
        open_pool(dataset_named("tiered-imagenet"), folder)
    assert prepared_pool(dataset_named("tiered-imagenet"), folder) is None
    assert [path.name for path in folder.glob(".prepared/*/*")] == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Malicious:
    """Unpickling this runs a command."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("true",)


BAD_PICKLES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "code": ("val_images_png.pkl", lambda: pickle.dumps([Malicious()]), "Nothing in it was run"),
    "code in labels": ("val_labels.pkl", lambda: pickle.dumps({"labels": Malicious()}), "Nothing in it was run"),
    "cut short": ("val_labels.pkl", lambda: pickles()["val_labels.pkl"][:20], "val_labels.pkl is refused"),
    "no labels": ("val_labels.pkl", lambda: pickle.dumps({"x": 1}), "holds no label_specific, and no labels"),
    "labels that are no numbers": ("val_labels.pkl", lambda: pickle.dumps({"labels": [0.5]}), "of whole numbers"),
    "a negative label": ("val_labels.pkl", lambda: pickle.dumps({"labels": [-1]}), "of whole numbers"),
    "a label without a name": (
        "val_labels.pkl",
        lambda: pickle.dumps({"label_specific": [0, 1], "label_specific_str": ["cat"]}),
        "a label is beyond the 1 class named",
    ),
    "a name twice": (
        "val_labels.pkl",
        lambda: pickle.dumps({"label_specific": [0, 1], "label_specific_str": ["crane", "crane"]}),
        "two classes have one name",
    ),
    "fewer classes": (
        "val_labels.pkl",
        lambda: pickle.dumps({"label_specific": [0], "label_specific_str": ["cat"]}),
        "has in train, val and test so many classes: 60/1/20; tieredImageNet has 60/30/20",
    ),
    "fewer images": ("val_images_png.pkl", lambda: pickle.dumps([]), "holds 0 images, its labels are of 40 images"),
    "no list": ("val_images_png.pkl", lambda: pickle.dumps({}), "holds a dict, its labels are of 40 images"),
    "no bytes": ("val_images_png.pkl", lambda: pickle.dumps(40 * [3]), "image 0 is no array of bytes"),
    "no PNG": ("val_images_png.pkl", lambda: pickle.dumps(40 * [b"x"]), "cannot be decoded"),
}


@pytest.mark.parametrize("fault", BAD_PICKLES)
def test_a_bad_pickle(fault: str, tmp_path: Path) -> None:
    file, content, complaint = BAD_PICKLES[fault]
    fake.write_folder(tmp_path, {**pickles(), file: content()})
    assert complaint in sentence(tmp_path)


def _cut_array() -> bytes:
    """An npz whose array is shorter than its header says."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": (40, 84, 84, 3)})
    return fake.zip_of({"images.npy": out.getvalue() + bytes(1000)})


BAD_ARRAYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut short": (lambda: arrays()["val_images.npz"][:1000], "val_images.npz is cut short or damaged"),
    "a web page": (lambda: b"<html>busy</html>", "val_images.npz is a web page"),
    "another array": (lambda: npz(x=np.zeros(3)), "holds no array `images`"),
    "other pixels": (lambda: npz(images=np.zeros((40, 84, 84, 3))), "`images` is ()"),
    "fewer images": (lambda: npz(images=np.zeros((3, 84, 84, 3), np.uint8)), "`images` is (3, 84, 84, 3)"),
    "no array": (lambda: fake.zip_of({"images.npy": b"no array at all"}), "`images` is no array"),
    "fewer pixels": (_cut_array, "ends within image 0 of 40"),
}


@pytest.mark.parametrize("fault", BAD_ARRAYS)
def test_a_bad_array(fault: str, tmp_path: Path) -> None:
    content, complaint = BAD_ARRAYS[fault]
    fake.write_folder(tmp_path, {**arrays(), "val_images.npz": content()})
    assert complaint in sentence(tmp_path)


def test_bad_folders(tmp_path: Path) -> None:
    files = folders()
    lost = [name for name in files if "/n00000007/" in name]
    first = next(iter(files))
    for number, (changed, complaint) in enumerate(
        [
            ({name: files[name] for name in files if name not in lost}, "so many classes: 59/30/20"),
            ({**files, first: b"no image"}, f"{first} cannot be decoded"),
            (
                {name.replace("val/n00001000", "val/n00000000"): content for name, content in files.items()},
                "class n00000000 is in train and in val",
            ),
        ]
    ):
        folder = tmp_path / str(number)
        fake.write_folder(folder, changed)
        assert complaint in sentence(folder)


def test_files_that_belong_together(tmp_path: Path) -> None:
    files = pickles()
    del files["test_labels.pkl"]
    fake.write_folder(tmp_path, files)
    assert "has no test_labels.pkl;" in sentence(tmp_path)
    (tmp_path / "test_labels.pkl").symlink_to(tmp_path / "gone")
    assert "has no test_labels.pkl (a link to a file that does not exist);" in sentence(tmp_path)


def test_mini_imagenet_is_another_dataset(tmp_path: Path) -> None:
    fake.write_folder(tmp_path, {f"{part}/n{number:08d}/1.jpg": b"" for part in PARTS for number in range(30)})
    assert "neither a pool nor raw files" in sentence(tmp_path)
    assert dataset_named("tiered-imagenet").find_raw(tmp_path / "notes.txt") is None
