"""CIFAR-FS and FC100: every layout gives the same pool, splits are the papers', and faults are one sentence."""

import hashlib
import os
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import cifar_100
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import prepared_pool
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import PARTS, all_classes, read_split
from fewshot_bench.data.verifying import verify
from tests import cifar_stand_ins as cifar
from tests import fake_data as fake
from tests.conftest import real_data

GIVEN = cifar.parts()


@pytest.fixture(autouse=True)
def three_images_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_100, "EXAMPLES", cifar.TRAIN + cifar.TEST)
    monkeypatch.setattr(cifar_100, "KNOWN_POOLS", {})


def below(prefix: str, files: fake.Files) -> dict[str, bytes]:
    return {f"{prefix}/{name}": content for name, content in files.items()}


def merged(files: fake.Files) -> dict[str, bytes]:
    """Class folders without train and test above them."""
    return {name.partition("/")[2].replace("/", f"/{name[:2]}"): content for name, content in files.items()}


LAYOUTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "pickles": ("pickles", lambda at: fake.write_folder(at, cifar.pickled(GIVEN))),
    "their folder": ("pickles", lambda at: fake.write_folder(at, below("cifar-100-python", cifar.pickled(GIVEN)))),
    "tar.gz of pickles": (
        "archive of pickles",
        lambda at: fake.write_tar(at / "cifar-100-python.tar.gz", below("cifar-100-python", cifar.pickled(GIVEN))),
    ),
    "records": ("binary records", lambda at: fake.write_folder(at, cifar.records(GIVEN))),
    "zip of records": (
        "archive of binary records",
        lambda at: fake.write_zip(at / "a.zip", below("cifar-100-binary", cifar.records(GIVEN))),
    ),
    "class folders under train and test": ("class folders", lambda at: fake.write_folder(at, cifar.pngs(GIVEN))),
    "class folders": ("class folders", lambda at: fake.write_folder(at, merged(cifar.pngs(GIVEN)))),
    "nested class folders": (
        "class folders",
        lambda at: fake.write_folder(at, below("cifar100/data", merged(cifar.pngs(GIVEN)))),
    ),
    "zip of class folders": (
        "archive of class folders",
        lambda at: fake.write_zip(at / "cifar100.zip", below("cifar100/data", merged(cifar.pngs(GIVEN)))),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_pool(layout: str, tmp_path: Path) -> None:
    kind, write = LAYOUTS[layout]
    write(tmp_path)
    pool = open_pool(dataset_named("cifar-fs"), tmp_path)
    assert pool.manifest["source"]["layout"] == kind
    assert pool.classes == cifar.CLASSES
    for row, name in enumerate(pool.classes):
        expected = sorted(cifar.of_class(GIVEN, name), key=lambda pixels: hashlib.sha256(pixels).digest())
        assert [image.tobytes() for image in pool.of_class(row)] == expected


def test_both_datasets_have_the_same_images(tmp_path: Path) -> None:
    fake.write_tar(tmp_path / "cifar-100-python.tar.gz", below("cifar-100-python", cifar.pickled(GIVEN)))
    first, second = (open_pool(dataset_named(name), tmp_path) for name in ("cifar-fs", "fc100"))
    np.testing.assert_array_equal(first.images, second.images)
    for name, pool in (("cifar-fs", first), ("fc100", second)):
        assert len(verify(dataset_named(name), pool).splits) == 1
    raw = dataset_named("fc100").find_raw(tmp_path / "cifar-100-python.tar.gz")
    assert raw is not None and raw.kind == "archive of pickles"


def test_a_file_of_a_layout_names_the_layout(tmp_path: Path) -> None:
    fake.write_folder(tmp_path, cifar.records(GIVEN))
    raw = dataset_named("cifar-fs").find_raw(tmp_path / "train.bin")
    assert raw is not None and (raw.kind, raw.where) == ("binary records", tmp_path)


def test_another_size_is_another_pool(tmp_path: Path) -> None:
    fake.write_folder(tmp_path, cifar.pngs(GIVEN))
    pool = open_pool(dataset_named("cifar-fs", (("size", 48),)), tmp_path)
    assert pool.images.shape == (300, 3, 48, 48)
    assert pool.manifest["resize"] == {"bicubic (Pillow's default)": 300}
    assert prepared_pool(dataset_named("cifar-fs"), tmp_path) is None


def test_cifar_fs_is_the_papers() -> None:
    """Bertinetto et al. 2019, section 4.1.1: 64, 16 and 20 classes."""
    split = read_split("cifar-fs", "bertinetto")
    assert [len(split.part(part)) for part in PARTS] == [64, 16, 20]
    assert set(all_classes("cifar-fs", "bertinetto")) == set(cifar.SUPERCLASS_OF)


def test_fc100_is_the_papers() -> None:
    """Oreshkin et al. 2018, section 4.1: 60, 20 and 20 classes of 12, 4 and 4 superclasses, each whole."""
    split = read_split("fc100", "oreshkin")
    assert set(all_classes("fc100", "oreshkin")) == set(cifar.SUPERCLASS_OF)
    superclasses = [Counter(cifar.SUPERCLASS_OF[name] for name in split.part(part)) for part in PARTS]
    assert [len(found) for found in superclasses] == [12, 4, 4]
    assert all(set(found.values()) == {5} for found in superclasses)
    assert set(superclasses[2]) == {"aquatic_mammals", "insects", "medium_mammals", "people"}


def sentence(folder: Path) -> str:
    """What opening CIFAR-FS in `folder` complains of; it leaves no pool."""
    with pytest.raises(DataError) as caught:
        open_pool(dataset_named("cifar-fs"), folder)
    assert prepared_pool(dataset_named("cifar-fs"), folder) is None
    assert [path.name for path in folder.glob(".prepared/*/*")] == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def other(**changed: object) -> bytes:
    """The training pickle with other entries, by Python 3."""
    whole = pickle.loads(cifar.pickled(GIVEN)["train"], encoding="latin1")
    return pickle.dumps({**whole, **changed})


BAD_PICKLES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "cut short": ("train", lambda: cifar.pickled(GIVEN)["train"][:1000], "train is refused"),
    "a web page": ("train", lambda: b"<html><body>Too many requests</body></html>", "train is a web page"),
    "a list": ("train", lambda: pickle.dumps([1, 2]), "is another pickle than CIFAR-100's"),
    "no images": ("train", lambda: pickle.dumps({b"x": 1}), "train holds no data and fine_labels"),
    "fewer labels than images": ("train", lambda: other(fine_labels=[0]), "train holds no data and fine_labels"),
    "a label that is none": ("train", lambda: other(fine_labels=[100] + 199 * [0]), "label 100, not 0 to 99"),
    "classes by another name": ("meta", lambda: pickle.dumps({b"fine_label_names": [b"cat"]}), "meta does not list"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("fault", BAD_PICKLES)
def test_a_bad_pickle(fault: str, packed: bool, tmp_path: Path) -> None:
    file, content, complaint = BAD_PICKLES[fault]
    files = below("cifar-100-python", {**cifar.pickled(GIVEN), file: content()})
    if packed:
        fake.write_tar(tmp_path / "cifar-100-python.tar.gz", files)
    else:
        fake.write_folder(tmp_path, files)
    assert complaint in sentence(tmp_path)


class Malicious:
    """Unpickling this runs a command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def test_a_pickle_that_runs_code(tmp_path: Path) -> None:
    files = {**cifar.pickled(GIVEN), "train": pickle.dumps({b"data": Malicious(tmp_path / "trace")})}
    fake.write_tar(tmp_path / "cifar-100-python.tar.gz", below("cifar-100-python", files))
    assert "Nothing in it was run" in sentence(tmp_path)
    assert not (tmp_path / "trace").exists()


def test_files_that_belong_together(tmp_path: Path) -> None:
    pickles = cifar.pickled(GIVEN)
    del pickles["test"]
    fake.write_folder(tmp_path / "a", pickles)
    assert "a has no test; train, test, meta belong together" in sentence(tmp_path / "a")
    records = cifar.records(GIVEN)
    del records["train.bin"]
    (tmp_path / "b").mkdir()
    fake.write_zip(tmp_path / "b" / "b.zip", records)
    assert "b.zip has no train.bin" in sentence(tmp_path / "b")


def test_bad_records(tmp_path: Path) -> None:
    records = cifar.records(GIVEN)
    for number, (file, content, complaint) in enumerate(
        [
            ("train.bin", records["train.bin"][:-5], "train.bin is cut short or another file"),
            ("train.bin", b"\x00\xff" + records["train.bin"][2:], "image 0 has label 255"),
            ("train.bin", records["train.bin"][3074:], "1 class without 3 images"),
            ("fine_label_names.txt", b"cat\ndog\n", "does not list the 100 classes"),
        ]
    ):
        folder = tmp_path / str(number)
        fake.write_folder(folder, {**records, file: content})
        assert complaint in sentence(folder)


def test_bad_class_folders(tmp_path: Path) -> None:
    images = cifar.pngs(GIVEN)
    name = next(iter(images))
    for number, (files, complaint) in enumerate(
        [
            ({file: content for file, content in images.items() if file != name}, "1 class without 3 images"),
            ({file: content for file, content in images.items() if "/otter/" not in file}, "1 class missing: otter"),
            ({**images, name: images[name][:100]}, f"{name} cannot be decoded"),
            ({**images, name: fake.png(1, mode="RGB", size=48)}, f"{name} is RGB 48x48, not RGB 32x32"),
            ({**images, name: fake.png(1, mode="L", size=32)}, f"{name} is L 32x32"),
        ]
    ):
        folder = tmp_path / str(number)
        fake.write_folder(folder, files)
        assert complaint in sentence(folder)


def test_a_damaged_archive(tmp_path: Path) -> None:
    for number, content in enumerate((b"<html>busy</html>", b"PK\x03\x04" + bytes(100))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "cifar-100-python.tar.gz").write_bytes(content)
        assert "cifar-100-python.tar.gz is" in sentence(folder)
    fake.write_tar(tmp_path / "cifar-100-python.tar.gz", below("cifar-100-python", cifar.pickled(GIVEN)))
    whole = (tmp_path / "cifar-100-python.tar.gz").read_bytes()
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert "is cut short or damaged" in sentence(tmp_path)


def test_data_of_others_is_passed_over(tmp_path: Path) -> None:
    fake.write_folder(tmp_path, {"fruit/apple/1.png": b"", "train.bin": b"tokens", "meta": b"", "notes.txt": b""})
    fake.write_zip(tmp_path / "fruit.zip", {"fruit/kiwi/1.png": b"", "fruit/test": b"", "train.bin": b"tokens"})
    assert "neither a pool nor raw files" in sentence(tmp_path)


@pytest.fixture(scope="module")
def real_pool(cache: Path) -> Pool:
    """Real CIFAR-100, if this machine has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar_100, "EXAMPLES", 600)
        return open_pool(dataset_named("cifar-fs"), real_data("cifar-fs"))


def test_real_images_are_the_published_ones(real_pool: Pool) -> None:
    """Their mean and deviation are those of the published loaders, to all digits."""
    assert real_pool.images.shape == (60_000, 3, 32, 32)
    assert real_pool.counts.tolist() == [600] * 100
    total, squares = np.zeros(3), np.zeros(3)
    for first in range(0, 60_000, 6_000):
        some = real_pool.images[first : first + 6_000].astype(np.int64)
        total += some.sum((0, 2, 3))
        squares += (some**2).sum((0, 2, 3))
    pixels = 60_000 * 32 * 32
    np.testing.assert_allclose(total / pixels / 255, cifar_100.MEAN, rtol=1e-10)
    np.testing.assert_allclose(np.sqrt(squares / pixels - (total / pixels) ** 2) / 255, cifar_100.STD, rtol=1e-10)
