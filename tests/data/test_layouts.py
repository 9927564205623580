"""Every layout that is recognised gives the same bytes, and nothing of the raw data changes."""

import io
from collections.abc import Callable
from pathlib import Path

import fake_data as fake
import numpy as np
import pytest
from PIL import Image

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data import mini_imagenet, omniglot
from fewshot_bench.data.datasets import DATASETS, prepare_pool
from fewshot_bench.data.decoding import decode_character, decode_photo
from fewshot_bench.data.pool import Pool

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
            np.testing.assert_array_equal(pool.images[row, column], expected)
    assert contents(raw) == before


def test_omniglot_layouts_give_the_same_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omniglot, "EXAMPLES", 2)
    files = fake.omniglot_files(examples=2)
    (tmp_path / "zips").mkdir()
    fake.write_omniglot_zips(tmp_path / "zips", files)
    fake.write_folder(tmp_path / "folders", files)
    fake.write_folder(tmp_path / "nested", with_prefix("omniglot-py/", files))
    fake.write_folder(tmp_path / "alphabets", {name.partition("/")[2]: content for name, content in files.items()})
    hashes = {
        layout: prepared("omniglot", tmp_path / layout, tmp_path / "pools" / layout).manifest["pool_hash"]
        for layout in ("zips", "folders", "nested", "alphabets")
    }
    assert len(set(hashes.values())) == 1, hashes


def test_a_single_file_of_a_set_names_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omniglot, "EXAMPLES", 2)
    fake.write_omniglot_zips(tmp_path, fake.omniglot_files(examples=2))
    raw = DATASETS["omniglot"].find_raw(tmp_path / "images_evaluation.zip")
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
    raw = DATASETS[name].find_raw(raw_folder)
    assert raw is not None
    return prepare_pool(DATASETS[name], raw, pool_folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
