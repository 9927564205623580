"""A dataset that a user's function returns: its pools, and a sentence for each of its faults."""

import importlib
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_bench.api.pools import open_pool as api_open_pool
from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.cli.main import main
from fewshot_bench.data.datasets import dataset_named, open_pool, split_of, users_datasets
from fewshot_bench.data.locations import pool_places
from fewshot_bench.data.pool import MANIFEST, read_pool
from fewshot_bench.data.raw_images import raw_images, read_image
from fewshot_bench.data.splits import SplitSizes
from fewshot_bench.data.verifying import verify
from tests.own_datasets import NAMES, PARTS, birds, draw
from tests.tiny import tiny_toml

PATH = "tests.own_datasets"
BIRDS = f"{PATH}:birds"

FAULTS = {
    "raises": "RuntimeError: the server of birds is down",
    "nothing": "returns a NoneType; it has to return a Dataset.",
    "without_splits": "it has no class split: `splits` needs at least one",
    "no_split": "split 'mine' is a dict; make it by data.splits.make_split.",
    "overlapping": "split 'mine' overlaps: class 'bird 08' is in val and in test.",
    "overlapping_by_hand": "split 'mine' overlaps: class 'bird 05' is in train and in val.",
    "hash_of_others": "split 'mine' has the hash of other classes",
    "without_val": "split 'mine' has the parts train, test, but has to have train, val and test.",
    "absent_classes": "split 'mine' names the class 'auk' and 1 more, of which there is no image.",
    "unlisted_split": "unknown split 'mine'",
    "other_shape": "`shape` is 3x10x10 (channels x height x width), but its images are 3x8x8.",
    "no_shape": "`shape` is (3, 8), but has to be an ImageShape",
    "two_means": "`mean` is (0.5, 0.5), but its images have 3 channels: give a number for each.",
    "zero_std": "`std` is (0.25, 0.0, 0.25), but pixels are divided by it: every number has to be above 0.",
    "nan_mean": "`mean` is (nan,), but has to hold finite numbers.",
    "wrong_examples": "`examples` is 6, but class 'bird 00' has 5. Leave `examples` out if classes differ.",
    "half_examples": "`examples` is 2.5, but has to be a whole number of images",
    "turned": "`rotations` is true, but only square images can be turned, and its images are 8 x 12.",
    "folder_in_variant": "`variant` is '../up', but is part of a folder's name",
    "no_function": "`find_raw` is a ",
    "finds_none": "Its `find_raw` returned None. It recognises: a folder birds/. Put its images there",
    "find_raises": "find_raw failed: KeyError: ",
    "finds_a_path": "`find_raw` returns a ",
    "prepare_raises": "preparing its images failed: ZeroDivisionError: division by zero",
    "prepares_nothing": "`prepare` of its Raw returns a NoneType, but has to make a pool",
    "decode_raises": "image 0 of class 'bird 03' cannot be decoded: ZeroDivisionError",
    "of_floats": "image 0 of class 'bird 00' is decoded as float64 [3, 8, 8], but has to be uint8",
    "of_two_sizes": "image 0 of class 'bird 03' is [3, 9, 8], but the first is [3, 8, 8].",
    "empty_class": "class 'b' has no images in ",
    "no_class": "there is no class in ",
    "no_such_thing": "tests.own_datasets has no 'no_such_thing'",
}


def grid_of(folder: Path, name: str, **sections: object) -> Path:
    """A grid file of an untrained cell on a dataset."""
    axes = {"dataset": [f"{PATH}:{name}"], "ways": [2], "learner": ["protonet"], "backbone": [SMALL]}
    file = folder / "grid.toml"
    file.write_text(tiny_toml(grid=axes, training={"iterations": 0}, **sections))
    return file


SMALL = "fewshot_bench.conformance.tiny:smooth"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_sentence_before_any_work(name, tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    out = tmp_path / "out"
    words = ["run", str(grid_of(tmp_path, name)), "--out", str(out), "--data-dir", str(data)]
    assert main(words) == 2
    printed, said = capsys.readouterr()
    assert FAULTS[name] in said
    assert name in said  # the import path
    assert len(said.splitlines()) <= 2  # "1 problem in grid.toml:" and the sentence
    assert not printed
    assert not out.exists()
    assert not [file for file in data.rglob("*") if file.is_file() and not file.name.endswith(".lock")]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"sise": 8}, "nothing reads the key 'sise' (did you mean 'size'?)"),
        ({"size": "large"}, "`size` is 'large', but has to be a whole number"),
        ({"size": 0}, "dataset 'tests.own_datasets:birds': `shape` is"),
    ],
)
def test_an_option_that_is_wrong(table, says, tmp_path, capsys):
    file = grid_of(tmp_path, "birds", datasets={BIRDS: table})
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "--data-dir", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_class_with_too_few_images_is_told_with_its_number(tmp_path, capsys):
    file = grid_of(tmp_path, "ragged")
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--data-dir", str(tmp_path)]
    assert main([*words, "--set", "grid.shots=[3]"]) == 2
    said = capsys.readouterr().err
    assert "a task takes 4 images of a class (shots + queries), but test class 'bird 11' has fewer (3)." in said
    assert "train class" not in said  # an untrained cell draws no training tasks
    assert not (tmp_path / "out").exists()
    assert main([*words, "--set", "grid.shots=[1]"]) == 0


def test_images_that_are_not_square(tmp_path, capsys):
    file = grid_of(tmp_path, "wide")
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--data-dir", str(tmp_path)]
    assert main([*words, "--set", "training.iterations=1", "--set", "training.rotations=train"]) == 2
    assert "are 8 x 12, and only square ones can be turned." in capsys.readouterr().err
    assert main(words) == 0


def test_each_set_of_options_has_its_own_pool(tmp_path):
    small, large = (dataset_named(BIRDS, options) for options in ((), (("size", 12),)))
    assert [open_pool(known, tmp_path).shape for known in (small, large, small)] == [(3, 8, 8), (3, 12, 12), (3, 8, 8)]
    assert {place.name for place in (tmp_path / ".prepared").iterdir() if place.is_dir()} == {
        "tests.own_datasets-birds",
        "tests.own_datasets-birds-size=12",
    }
    assert {known.options for known in users_datasets(tmp_path)} == {(), (("size", 12),)}
    assert verify(large, open_pool(large, tmp_path)).splits[0].startswith("mine 6/3/3 classes")


def test_a_pool_follows_the_code_and_the_edition(tmp_path, monkeypatch):
    """An edit of the user's file makes the pool anew; so does another edition. A comment does not."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    code = f"from {PATH} import birds\n\ndef mine():\n    return birds(images=IMAGES)._replace(edition=EDITION)\n"

    def opened(images: int, edition: int = 1, comment: str = "") -> tuple[list[int], int]:
        text = comment + code.replace("IMAGES", str(images)).replace("EDITION", str(edition))
        (tmp_path / "mine_to_edit.py").write_text(text)
        sys.modules.pop("mine_to_edit", None)
        importlib.invalidate_caches()
        known = dataset_named("mine_to_edit:mine")
        pool = open_pool(known, tmp_path)
        return sorted(set(pool.counts.tolist())), pool_places(known, tmp_path)[0].joinpath(MANIFEST).stat().st_mtime_ns

    first = opened(3)
    assert first[0] == [3]
    assert opened(3, comment="# mine\n") == first
    assert opened(4)[0] == [4]
    before = opened(4, edition=2)[1]
    assert opened(4, edition=2)[1] == before
    sys.modules.pop("mine_to_edit", None)


def test_images_of_any_form(tmp_path):
    """Arrays, and files of other sizes and modes; the pool has them in the order given, classes by name."""
    arrays = {"wren": [np.full((1, 4, 4), 7, np.uint8)], "owl": list(np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4))}
    pool = raw_images(arrays, np.asarray, tmp_path).prepare(tmp_path / "arrays", lambda *_: None)
    assert (pool.classes, pool.counts.tolist()) == (("owl", "wren"), [2, 1])
    np.testing.assert_array_equal(pool.of_class(0), np.stack(arrays["owl"]))
    shape, files = ImageShape(3, 6, 8), []
    for mode in ("RGB", "L", "1", "P", "RGBA", "CMYK", "LA"):
        files.append(tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}")
        Image.new(mode, (16, 12)).save(files[-1])
    decode = partial(read_image, shape=shape)
    pool = raw_images({"all": files}, decode, tmp_path).prepare(tmp_path / "files", lambda *_: None)
    assert pool.shape == shape
    assert decode(files[4]).min() == 255  # transparent, on white
    assert read_image(files[0], ImageShape(1, 12, 16)).shape == (1, 12, 16)
    Image.new("I;16", (8, 6)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png has more than 8 bits a channel"):
        decode(tmp_path / "deep.png")
    (tmp_path / "torn.png").write_bytes(files[0].read_bytes()[:40])
    with pytest.raises(DataError, match=r"torn\.png cannot be decoded as an image"):
        decode(tmp_path / "torn.png")


def splits_in_pool():
    classes = {name: [(kind, 0), (kind, 1)] for kind, name in enumerate(NAMES)}
    decode = partial(draw, shape=birds().shape)
    found = partial(raw_images, classes, decode, splits={"mine": PARTS})
    return birds()._replace(splits={"mine": SplitSizes(6, 3, 3)}, find_raw=found)


def test_a_split_may_depend_on_the_images(tmp_path):
    known = dataset_named(f"{__name__}:splits_in_pool")
    pool = open_pool(known, tmp_path)
    assert split_of(known, "mine", pool) == birds().splits["mine"]
    assert json.loads(pool_places(known, tmp_path)[0].joinpath(MANIFEST).read_text())["splits"] == {"mine": PARTS}


def test_it_opens_by_name_in_python(tmp_path, monkeypatch):
    opened = api_open_pool(BIRDS, tmp_path, size=12)
    assert repr(opened) == "tests.own_datasets:birds: 12 classes, 5 images each, 3 x 12 x 12"
    with pytest.raises(BenchError, match="nothing reads the key 'sise'"):
        api_open_pool(BIRDS, tmp_path, sise=12)
    place = tmp_path / ".prepared" / "tests.own_datasets-birds-size=12"
    assert read_pool(place).manifest["function"] == [BIRDS, [["size", 12]]]
