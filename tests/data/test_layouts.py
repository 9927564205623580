"""Every layout that is recognised gives the same bytes, and nothing of the raw data changes."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import mini_imagenet, omniglot
from fewshot_bench.data.datasets import dataset_named, prepare_pool
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.raw import decode_character, decode_photo
from tests import fake_data as fake

Write = Callable[[Path, dict[str, dict[str, bytes]]], object]


def with_prefix(prefix: str, files: fake.Files) -> dict[str, bytes]:
    return {prefix + name: content for name, content in files.items()}


def merged(parts: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {name: content for files in parts.values() for name, content in files.items()}


def flat(parts: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {"images/" + name.split("/")[1]: content for name, content in merged(parts).items()}


def csvs(parts: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {f"{part}.csv": fake.csv_of(files) for part, files in parts.items()}


def parted(parts: dict[str, dict[str, bytes]], prefix: str = "") -> dict[str, bytes]:
    return merged({part: with_prefix(f"{prefix}{part}/", files) for part, files in parts.items()})


def backwards(files: fake.Files) -> dict[str, bytes]:
    """The same files in another order, as somebody else's tar may have them."""
    return dict(reversed(files.items()))


MINI_IMAGENET: dict[str, Write] = {
    "csvs + images folder": lambda at, parts: fake.write_folder(at, flat(parts) | csvs(parts)),
    "csvs + tar": lambda at, parts: (fake.write_csvs(at, parts), fake.write_tar(at / "a.tar", flat(parts))),
    "csvs + tar.gz": lambda at, parts: (fake.write_csvs(at, parts), fake.write_tar(at / "a.tar.gz", flat(parts))),
    "csvs + zip": lambda at, parts: (fake.write_csvs(at, parts), fake.write_zip(at / "a.zip", flat(parts))),
    "csvs + several tar.xz": lambda at, parts: (
        fake.write_csvs(at, parts),
        *(fake.write_tar(at / f"{part}.tar.xz", backwards(flat({part: parts[part]}))) for part in parts),
    ),
    "csvs inside the tar": lambda at, parts: fake.write_tar(
        at / "mini-imagenet.tar.gz", with_prefix("mini/", flat(parts) | csvs(parts))
    ),
    "class folders": lambda at, parts: fake.write_folder(at, merged(parts)),
    "class folders under parts": lambda at, parts: fake.write_folder(at, parted(parts)),
    "nested class folders": lambda at, parts: fake.write_folder(at, parted(parts, "mini_imagenet_full_size/")),
    "tar of class folders": lambda at, parts: fake.write_tar(at / "mini_imagenet_full_size.tar", parted(parts, "m/")),
    "pickles of Python 3": lambda at, parts: fake.write_pickles(at, parts, by_python_2=False),
    "pickles of Python 2": lambda at, parts: fake.write_pickles(at, parts, by_python_2=True),
}


def elsewhere(at: Path, files: fake.Files) -> Path:
    """A folder outside the raw data, for links to lead to."""
    fake.write_folder(at.parent / "elsewhere", files)
    return at.parent / "elsewhere"


def link_all(at: Path, files: fake.Files, depth: int = 1) -> None:
    """Files that lie elsewhere, reached by links: of folders `depth` deep."""
    target = elsewhere(at, files)
    for place in sorted({"/".join(name.split("/")[:depth]) for name in files}):
        (at / place).parent.mkdir(parents=True, exist_ok=True)
        (at / place).symlink_to(target / place)


def backslashed(files: fake.Files) -> dict[str, bytes]:
    return {name.replace("/", "\\"): content for name, content in files.items()}


def pickles(at: Path, parts: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    """The three pickles, in a folder of an archive."""
    folder = at.parent / "pickles"
    folder.mkdir()
    fake.write_pickles(folder, parts, by_python_2=True)
    return {f"mini/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


def csvs_as(parts: dict[str, dict[str, bytes]], change: Callable[[str], str], encoding: str) -> dict[str, bytes]:
    return {name: change(content.decode()).encode(encoding) for name, content in csvs(parts).items()}


def with_folders(text: str) -> str:
    """Rows that name `n01532829/n0153282900000005.jpg`."""
    return re.sub(r"^(n\d{8})", r"\1/\1", text, flags=re.MULTILINE)


MINI_IMAGENET |= {
    "train, val, test are links": lambda at, parts: link_all(at, parted(parts)),
    "class folders are links": lambda at, parts: link_all(at, parted(parts), depth=2),
    "csvs + images is a link": lambda at, parts: (fake.write_csvs(at, parts), link_all(at, flat(parts))),
    "a link back": lambda at, parts: (fake.write_folder(at, parted(parts)), (at / "train" / "mini").symlink_to(at)),
    "zip with backslashes": lambda at, parts: fake.write_zip(
        at / "mini-imagenet.zip", backslashed(with_prefix("mini/", flat(parts) | csvs(parts)))
    ),
    "zip with backslashes, unpacked by Python": lambda at, parts: fake.write_folder(
        at, csvs(parts) | backslashed(flat(parts))
    ),
    "a tar called zip": lambda at, parts: fake.write_tar(at / "mini-imagenet.zip", merged(parts)),
    "a zip called tar.gz": lambda at, parts: fake.write_zip(at / "mini-imagenet.tar.gz", merged(parts)),
    "csvs + a tar called zip": lambda at, parts: (
        fake.write_csvs(at, parts), fake.write_tar(at / "a.zip", flat(parts))
    ),
    "csvs + a tar without suffix": lambda at, parts: (
        fake.write_csvs(at, parts), fake.write_tar(at / "a", flat(parts))
    ),
    "tar of another name without suffix": lambda at, parts: fake.write_tar(at / "download", merged(parts)),
    "a tar a part": lambda at, parts: [
        fake.write_tar(at / f"{part}.tar", files) for part, files in parts.items()
    ],
    "tar whose last file is a zip": lambda at, parts: fake.write_tar(
        at / "mini-imagenet.tar", {**merged(parts), "code.zip": fake.zip_of({"a": b"a"})}
    ),
    "zip of pickles": lambda at, parts: fake.write_zip(at / "data.zip", pickles(at, parts)),
    "tar.gz of pickles": lambda at, parts: fake.write_tar(at / "mini-imagenet.tar.gz", pickles(at, parts)),
    "images + split": lambda at, parts: fake.write_folder(at, flat(parts) | with_prefix("split/", csvs(parts))),
    "zip of images + split": lambda at, parts: fake.write_zip(
        at / "mini-imagenet.zip", flat(parts) | with_prefix("split/", csvs(parts))
    ),
    "rows with folders": lambda at, parts: fake.write_folder(at, flat(parts) | csvs_as(parts, with_folders, "utf-8")),
    "csvs with a byte-order mark": lambda at, parts: fake.write_folder(
        at, flat(parts) | csvs_as(parts, str, "utf-8-sig")
    ),
    "csvs in UTF-16": lambda at, parts: fake.write_folder(at, flat(parts) | csvs_as(parts, str, "utf-16")),
    "tables by a spreadsheet": lambda at, parts: fake.write_folder(
        at, flat(parts) | csvs_as(parts, lambda text: text.replace(",", "\t"), "utf-16-le")
    ),
    "csvs with semicolons": lambda at, parts: fake.write_folder(
        at, flat(parts) | csvs_as(parts, lambda text: text.replace(",", ";"), "utf-8")
    ),
    "csvs + images beside a document": lambda at, parts: fake.write_folder(
        at, merged(parts) | csvs(parts) | {"notes.docx": fake.zip_of({"word/document.xml": b""})}
    ),
    "csvs + zip, images still empty": lambda at, parts: (
        fake.write_csvs(at, parts), (at / "images").mkdir(), fake.write_zip(at / "a.zip", flat(parts))
    ),
}  # fmt: skip

EXAMPLES = 3


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, bytes]]:
    return fake.photos(EXAMPLES)


@pytest.mark.parametrize("layout", MINI_IMAGENET)
def test_mini_imagenet_layouts_give_the_same_pixels(
    layout: str, parts: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mini_imagenet, "EXAMPLES", EXAMPLES)
    raw = tmp_path / "raw"
    raw.mkdir()
    MINI_IMAGENET[layout](raw, parts)
    before = contents(raw)
    pool = prepared("mini-imagenet", raw, tmp_path / "pool")
    everything = merged(parts)
    for row, name in enumerate(sorted({name.split("/")[0] for name in everything})):
        for column in range(EXAMPLES):
            expected = decode_photo("", everything[f"{name}/{name}{column:08d}.jpg"]).pixels
            np.testing.assert_array_equal(pool.of_class(row)[column], expected)
    assert contents(raw) == before


def half(files: fake.Files, name: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith(name)}


def write_halves(at: Path, files: fake.Files, write: Callable[[Path, fake.Files], object], suffix: str) -> None:
    for name in omniglot.HALVES:
        write(at / f"{name}{suffix}", half(files, name))


def without_halves(files: fake.Files) -> dict[str, bytes]:
    return {name.partition("/")[2]: content for name, content in files.items()}


BACKGROUND, EVALUATION = omniglot.HALVES

OMNIGLOT: dict[str, tuple[str, Callable[[Path, dict[str, bytes]], object]]] = {
    "zips": ("two zips", fake.write_omniglot_zips),
    "folders": ("two folders", fake.write_folder),
    "nested": ("two folders", lambda at, files: fake.write_folder(at, with_prefix("omniglot-py/", files))),
    "alphabets": ("alphabets", lambda at, files: fake.write_folder(at, without_halves(files))),
    "halves are links": ("two folders", link_all),
    "alphabets are links": ("two folders", lambda at, files: link_all(at, files, depth=2)),
    "characters are links": ("alphabets", lambda at, files: link_all(at, without_halves(files), depth=2)),
    "tars": ("two tars", lambda at, files: write_halves(at, files, fake.write_tar, ".tar.gz")),
    "tars called zip": ("two tars", lambda at, files: write_halves(at, files, fake.write_tar, ".zip")),
    "tars without suffix": ("two tars", lambda at, files: write_halves(at, files, fake.write_tar, "")),
    "zips with backslashes": (
        "two zips",
        lambda at, files: write_halves(at, files, lambda path, part: fake.write_zip(path, backslashed(part)), ".zip"),
    ),
    "a zip and a folder": (
        "a zip and a folder",
        lambda at, files: (
            fake.write_zip(at / f"{BACKGROUND}.zip", half(files, BACKGROUND)),
            fake.write_folder(at, half(files, EVALUATION)),
        ),
    ),
    "a zip is left beside two folders": (
        "a folder and a zip",
        lambda at, files: (
            fake.write_folder(at, files),
            fake.write_zip(at / f"{EVALUATION}.zip", half(files, EVALUATION)),
        ),
    ),
    "a torn zip is left beside two folders": (
        "two folders",
        lambda at, files: (fake.write_folder(at, files), (at / f"{EVALUATION}.zip").write_bytes(b"PK\x03\x04...")),
    ),
    "a zip is left beside a folder with both": (
        "two folders",
        lambda at, files: (
            fake.write_folder(at, with_prefix("omniglot-py/", files)),
            fake.write_zip(at / f"{BACKGROUND}.zip", half(files, BACKGROUND)),
        ),
    ),
    "one archive": (
        "one archive",
        lambda at, files: fake.write_tar(at / "all", with_prefix("omniglot/", files)),
    ),
}


@pytest.fixture(scope="module")
def drawings() -> dict[str, bytes]:
    return fake.omniglot_files(examples=1)


@pytest.fixture(scope="module")
def characters(drawings: dict[str, bytes]) -> dict[str, NDArray[np.uint8]]:
    """Class -> its one image."""
    decoded = {content: decode_character("", content).pixels for content in set(drawings.values())}
    return {"/".join(name.split("/")[1:3]): decoded[content] for name, content in drawings.items()}


@pytest.mark.parametrize("layout", OMNIGLOT)
def test_omniglot_layouts_give_the_same_pool(
    layout: str,
    drawings: dict[str, bytes],
    characters: dict[str, NDArray[np.uint8]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(omniglot, "EXAMPLES", 1)
    kind, write = OMNIGLOT[layout]
    raw = tmp_path / "raw"
    raw.mkdir()
    write(raw, drawings)
    pool = prepared("omniglot", raw, tmp_path / "pool")
    assert pool.manifest["source"]["layout"] == kind
    assert pool.classes == tuple(sorted(characters))
    np.testing.assert_array_equal(pool.images, np.stack([characters[name] for name in pool.classes]))


def test_a_single_file_of_a_set_names_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omniglot, "EXAMPLES", 2)
    fake.write_omniglot_zips(tmp_path, fake.omniglot_files(examples=2))
    raw = dataset_named("omniglot").find_raw(tmp_path / "images_evaluation.zip")
    assert raw is not None and raw.where == tmp_path


def test_characters_are_nearest_as_lanczos_gives_them() -> None:
    content = fake.png(5)
    pixels = decode_character("x.png", content).pixels
    with Image.open(io.BytesIO(content)) as image:
        published = np.asarray(image.resize((28, 28), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(pixels[0] == 255, published)
    assert set(np.unique(pixels)) == {0, 255}


def test_photos_of_another_size_are_resized_and_said_to_be() -> None:
    assert decode_photo("x.jpg", fake.jpeg(1)).resize == "none"
    assert decode_photo("x.jpg", fake.jpeg(1, size=100)).resize.startswith("bicubic")
    with pytest.raises(DataError, match="mode 'P'"):
        decode_photo("x.png", fake.png(1, mode="P"))


def prepared(name: str, raw_folder: Path, pool_folder: Path) -> Pool:
    raw = dataset_named(name).find_raw(raw_folder)
    assert raw is not None
    return prepare_pool(dataset_named(name), raw, pool_folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
