"""Broken raw data: each fault is one sentence, and no pool comes of it."""

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import archives, mini_imagenet
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import prepared_pool
from fewshot_bench.data.unpickling import load
from tests import fake_data as fake

HTML = b"<!DOCTYPE html><html><body>Too many requests</body></html>"


@pytest.fixture(scope="module")
def characters() -> dict[str, bytes]:
    return fake.omniglot_files()


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, bytes]]:
    return fake.photos(2)


@pytest.fixture(autouse=True)
def two_photos_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini_imagenet, "EXAMPLES", 2)


def sentence(name: str, folder: Path) -> str:
    """What opening the dataset in `folder` complains of; it leaves no pool and no half-written file."""
    with pytest.raises(DataError) as caught:
        open_pool(dataset_named(name), folder)
    assert prepared_pool(dataset_named(name), folder) is None
    assert [path.name for path in folder.glob(".prepared/*/*")] == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_truncated_zip(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, characters)
    cut(tmp_path / "images_evaluation.zip")
    assert "images_evaluation.zip is cut short or damaged" in sentence("omniglot", tmp_path)


def test_a_zip_with_damaged_content(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, characters)
    path = tmp_path / "images_background.zip"
    content = bytearray(path.read_bytes())
    content[5000:5200] = bytes(200)  # the directory at the end is whole, a member is not
    path.write_bytes(content)
    assert "images_background.zip is cut short or damaged" in sentence("omniglot", tmp_path)


def test_a_web_page_named_zip(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, characters)
    (tmp_path / "images_background.zip").write_bytes(HTML)
    assert "images_background.zip is a web page, not data" in sentence("omniglot", tmp_path)


def test_one_half_of_omniglot(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, characters)
    (tmp_path / "images_evaluation.zip").unlink()
    assert "one half of Omniglot and images_evaluation.zip is not beside it" in sentence("omniglot", tmp_path)


def greek(characters: dict[str, bytes]) -> list[str]:
    return [name for name in characters if "/Greek/character01/" in name]


def test_a_missing_class(tmp_path: Path, characters: dict[str, bytes]) -> None:
    lost = greek(characters)
    without = {name: content for name, content in characters.items() if name not in lost}
    fake.write_omniglot_zips(tmp_path, without)
    assert "1 class missing: Greek/character01" in sentence("omniglot", tmp_path)


def test_19_images_in_a_class(tmp_path: Path, characters: dict[str, bytes]) -> None:
    lost = greek(characters)[7]
    without = {name: content for name, content in characters.items() if name != lost}
    fake.write_omniglot_zips(tmp_path, without)
    assert "1 class without 20 images: Greek/character01 has 19" in sentence("omniglot", tmp_path)


def test_a_class_of_another_dataset(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, {**characters, "images_background/Runic/character01/0001_01.png": b""})
    assert "1 class not of this dataset: Runic/character01" in sentence("omniglot", tmp_path)


BAD_DRAWINGS: dict[str, tuple[Callable[[], bytes], str]] = {
    "undecodable": (lambda: b"not an image", "cannot be decoded as an image"),
    "cut short": (lambda: fake.png(1)[: len(fake.png(1)) // 2], "cannot be decoded as an image"),
    "wrong mode": (lambda: fake.png(1, mode="L"), "has image mode 'L'"),
}


@pytest.mark.parametrize("fault", BAD_DRAWINGS)
def test_a_bad_drawing(fault: str, tmp_path: Path, characters: dict[str, bytes]) -> None:
    name = sorted(characters)[0]
    content, complaint = BAD_DRAWINGS[fault]
    fake.write_omniglot_zips(tmp_path, {**characters, name: content()})
    said = sentence("omniglot", tmp_path)
    assert complaint in said and name.partition("/")[2] in said


def flat(parts: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {"images/" + name.split("/")[1]: content for files in parts.values() for name, content in files.items()}


@pytest.mark.parametrize("form", ["tar.xz", "tar.gz"])
def test_a_truncated_tar(form: str, tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    fake.write_tar(tmp_path / f"images.{form}", flat(parts))
    cut(tmp_path / f"images.{form}")
    assert f"images.{form} is cut short or damaged" in sentence("mini-imagenet", tmp_path)


def test_a_csv_naming_a_file_that_is_not_there(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    images = flat(parts)
    lost = sorted(images)[3]
    fake.write_tar(tmp_path / "images.tar", {name: content for name, content in images.items() if name != lost})
    assert f"1 image missing: {Path(lost).name}" in sentence("mini-imagenet", tmp_path)


def test_an_image_that_is_there_twice(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    fake.write_tar(tmp_path / "a.tar", flat(parts))
    fake.write_tar(tmp_path / "b.tar", dict([next(iter(flat(parts).items()))]))
    assert "is there twice" in sentence("mini-imagenet", tmp_path)


def test_a_missing_csv(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    (tmp_path / "val.csv").unlink()
    assert "has train.csv but not val.csv" in sentence("mini-imagenet", tmp_path)


def test_a_csv_with_other_columns(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    (tmp_path / "val.csv").write_text("image,class\na.jpg,n1\n")
    assert "val.csv lacks a filename or label" in sentence("mini-imagenet", tmp_path)


def test_an_undecodable_photo(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    files = {name: content for part in parts.values() for name, content in part.items()}
    broken = sorted(files)[5]
    fake.write_folder(tmp_path, {**files, broken: files[broken][:500]})
    said = sentence("mini-imagenet", tmp_path)
    assert "cannot be decoded as an image" in said and broken in said


def test_member_names_lead_nowhere(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    """A tar may name files outside the folder, and hold links: nothing is written, and the images are found by name."""
    inside = tmp_path / "raw"
    inside.mkdir()
    fake.write_csvs(inside, parts)
    fake.write_tar(inside / "images.tar", {f"../../{name}": content for name, content in flat(parts).items()})
    before = set(tmp_path.rglob("*"))
    assert open_pool(dataset_named("mini-imagenet"), inside).counts.tolist() == [2] * 100
    made = {path.relative_to(tmp_path).parts[:2] for path in set(tmp_path.rglob("*")) - before}
    assert made == {("raw", ".prepared")}


class Malicious:
    """Unpickling this runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_that_runs_code(packed: bool, tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_pickles(tmp_path, parts, by_python_2=True)
    trace = tmp_path / "trace"
    bad = {"image_data": Malicious(f"{sys.executable} -c \"open('{trace}', 'w')\""), "class_dict": {}}
    (tmp_path / "mini-imagenet-cache-train.pkl").write_bytes(pickle.dumps(bad))
    if packed:
        files = [tmp_path / name for name in mini_imagenet.PICKLES]
        fake.write_zip(tmp_path / "mini-imagenet.zip", {path.name: path.read_bytes() for path in files})
        for path in files:
            path.unlink()
    said = sentence("mini-imagenet", tmp_path)
    assert "it asks for posix.system" in said and "Nothing in it was run" in said
    assert not trace.exists()


@pytest.mark.parametrize("name", ["eval", "getattr", "__import__", "open"])
def test_builtins_that_are_not_containers_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"cbuiltins\n" + name.encode() + b"\n.")
    with pytest.raises(DataError, match=f"asks for builtins.{name}"), path.open("rb") as file:
        load(str(path), file)


BAD_PICKLES: dict[str, tuple[Callable[[], bytes], str]] = {
    "web page": (lambda: HTML, "is a web page"),
    "empty": (lambda: b"", "is refused"),
    "no such keys": (lambda: pickle.dumps({"x": 1}), "holds no image_data and class_dict"),
    "floats": (
        lambda: pickle.dumps({"image_data": np.zeros((2, 84, 84, 3)), "class_dict": {}}),
        r"holds float64 \(2, 84, 84, 3\)",
    ),
    "indices beyond the images": (
        lambda: pickle.dumps({"image_data": np.zeros((2, 84, 84, 3), np.uint8), "class_dict": {"n01532829": [0, 2]}}),
        "class n01532829",
    ),
    "a foreign class": (
        lambda: pickle.dumps({"image_data": np.zeros((2, 84, 84, 3), np.uint8), "class_dict": {"cat": [0, 1]}}),
        "class cat does not belong here",
    ),
    "classes missing": (
        lambda: pickle.dumps({"image_data": np.zeros((2, 84, 84, 3), np.uint8), "class_dict": {}}),
        "64 classes missing",
    ),
}


@pytest.mark.parametrize("fault", BAD_PICKLES)
def test_a_bad_pickle(fault: str, tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_pickles(tmp_path, parts, by_python_2=False)
    content, complaint = BAD_PICKLES[fault]
    (tmp_path / "mini-imagenet-cache-train.pkl").write_bytes(content())
    with pytest.raises(DataError, match=complaint):
        open_pool(dataset_named("mini-imagenet"), tmp_path)


def test_an_image_of_two_classes(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    """A pickle may list an image twice, or half an index; the zero-filled or wrong image would be nobody's fault."""
    fake.write_pickles(tmp_path, parts, by_python_2=False)
    path = tmp_path / "mini-imagenet-cache-val.pkl"
    content = pickle.loads(path.read_bytes())
    first, second = list(content["class_dict"])[:2]
    for indices, complaint in (
        ([0, 1], "has two places in class_dict"),
        ([2, 2.5], f"class {second} has indices that are no integers"),
        ([True, False], "no integers"),
        (2, "does not have 2 images"),
    ):
        classes = {**content["class_dict"], first: [0, 1], second: indices}
        path.write_bytes(pickle.dumps({**content, "class_dict": classes}))
        assert complaint in sentence("mini-imagenet", tmp_path)


def test_a_csv_that_names_an_image_twice(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    fake.write_folder(tmp_path, flat(parts))
    text = (tmp_path / "val.csv").read_text().splitlines()
    text[2] = text[1]
    (tmp_path / "val.csv").write_text("\n".join(text))
    assert f"1 image named twice: {text[1].partition(',')[0]}" in sentence("mini-imagenet", tmp_path)


def test_a_csv_that_is_no_text(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_csvs(tmp_path, parts)
    (tmp_path / "val.csv").write_bytes(b"filename,label\n\xff\xfe\xfd,n1\n")
    assert "val.csv is not a table in UTF-8 or UTF-16" in sentence("mini-imagenet", tmp_path)


def test_links_that_lead_nowhere_are_named(
    tmp_path: Path, parts: dict[str, dict[str, bytes]], characters: dict[str, bytes]
) -> None:
    photos, drawings, tables = (tmp_path / name for name in ("photos", "drawings", "tables"))
    fake.write_folder(photos, parts["train"])
    (photos / "val").symlink_to(tmp_path / "gone")
    said = sentence("mini-imagenet", photos)
    assert "36 classes missing" in said and f"Mend these dead links or unreadable folders: {photos / 'val'}." in said
    tables.mkdir()
    fake.write_csvs(tables, parts)
    (tables / "val.csv").unlink()
    (tables / "val.csv").symlink_to(tmp_path / "gone")
    assert f"{tables / 'val.csv'} is a link to a file that does not exist. Mend the link." in sentence(
        "mini-imagenet", tables
    )
    drawings.mkdir()
    fake.write_zip(drawings / "images_background.zip", dict([next(iter(characters.items()))]))
    (drawings / "images_evaluation").symlink_to(tmp_path / "gone")
    assert f"images_evaluation is a link to {tmp_path / 'gone'}, which is not there" in sentence("omniglot", drawings)


def test_folders_of_others_are_passed_over_and_named_where_something_is_missing(
    tmp_path: Path, parts: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root of a disk has a `lost+found`, which only root may read (and who runs this may be root)."""
    everything = {name: content for files in parts.values() for name, content in files.items()}
    fake.write_folder(tmp_path, everything)
    (tmp_path / "lost+found").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "lost+found" and access(path, mode))
    assert open_pool(dataset_named("mini-imagenet"), tmp_path).counts.tolist() == [2] * 100
    (tmp_path / sorted(everything)[0]).unlink()
    shutil.rmtree(tmp_path / ".prepared")
    assert f"or unreadable folders: {tmp_path / 'lost+found'}" in sentence("mini-imagenet", tmp_path)


def test_archives_of_others_are_passed_over(tmp_path: Path) -> None:
    fake.write_zip(tmp_path / "imagenet.zip", {f"train/n{n:08d}/n{n:08d}_1.JPEG": b"" for n in range(1000)})
    fake.write_tar(tmp_path / "birds.tar", {f"birds/images/{n}/x.png": b"" for n in range(200)})
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    for name in ("omniglot", "mini-imagenet"):
        assert "neither a pool nor raw files" in sentence(name, tmp_path)
    assert dataset_named("omniglot").find_raw(tmp_path / "birds.tar") is None
    with pytest.raises(DataError, match=r"torn\.zip is cut short or damaged \(neither a whole zip nor a tar\)"):
        dataset_named("omniglot").find_raw(tmp_path / "torn.zip")


def test_members_that_unpack_to_too_much(
    tmp_path: Path, parts: dict[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, pickled = tmp_path / "photos", tmp_path / "pickles"
    photos.mkdir()
    fake.write_csvs(photos, parts)
    fake.write_zip(photos / "images.zip", flat(parts))
    monkeypatch.setattr(archives, "LARGEST", 100)
    assert "more than 0 MiB, which no image has" in sentence("mini-imagenet", photos)
    pickled.mkdir()
    fake.write_zip(pickled / "mini-imagenet.zip", {name: bytes(200) for name in mini_imagenet.PICKLES})
    monkeypatch.setattr(mini_imagenet, "LARGEST", 100)
    assert "mini-imagenet-cache-train.pkl is larger than any original" in sentence("mini-imagenet", pickled)


def test_a_zip_with_a_password(tmp_path: Path, characters: dict[str, bytes]) -> None:
    fake.write_omniglot_zips(tmp_path, characters)
    path = tmp_path / "images_background.zip"
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted member
    path.write_bytes(content)
    said = sentence("omniglot", tmp_path)
    assert "password required" in said and said.endswith("Unpack it by hand and give its folder.")


def test_a_truncated_pickle(tmp_path: Path, parts: dict[str, dict[str, bytes]]) -> None:
    fake.write_pickles(tmp_path, parts, by_python_2=True)
    cut(tmp_path / "mini-imagenet-cache-val.pkl")
    assert "mini-imagenet-cache-val.pkl is refused" in sentence("mini-imagenet", tmp_path)


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for name in ("omniglot", "mini-imagenet"):
        assert "neither a pool nor raw files" in sentence(name, tmp_path)
