"""A folder of somebody's own images on the command line: imported, listed, verified, removed, trained on."""

import re
import tomllib

import numpy as np
import pytest
from PIL import Image

from fewshot_bench import import_images, open_pool, prepare_images
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cli.main import main
from fewshot_bench.data.imported import imported_names
from fewshot_bench.data.importing.pools import remove_pool
from tests import fake_data as fake
from tests.own_images import classes, encoded, picture, png, state, write
from tests.tiny import tiny_toml

TEN = classes(10)


@pytest.fixture
def birds(tmp_path):
    return write(tmp_path / "birds", TEN)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWSHOT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_import_list_verify_remove(birds, data, capsys):
    before = state(birds)
    assert main(["data", "import", "birds", "--from", str(birds), "--size", "12"]) == 0
    place = data / ".prepared" / "birds"
    assert capsys.readouterr().out.startswith(
        f"birds: 30 images of 10 classes, 3 images each, 3x12x12, in {place}\n"
        f"  from {birds} (class folders)\n"
        "  6 classes for train, 2 classes for val, 2 classes for test (64:16:20 of the classes, seed 0)\n"
        "  30 images enlarged to 12 pixels a side\n"
    )
    assert main(["data", "list"]) == 0
    assert f"birds: 10 classes, 3x12x12; splits own; prepared in {place}" in " ".join(capsys.readouterr().out.split())
    assert main(["data", "verify", "birds"]) == 0
    assert "birds: whole" in (out := capsys.readouterr().out) and "split own 6/2/2 classes" in out

    pixels = np.load(place / "images.npy", mmap_mode="r+")
    pixels[0, 0, 0, 0] ^= 1
    pixels.flush()
    assert main(["data", "verify", "birds"]) == 2
    assert "was changed after it was prepared" in capsys.readouterr().err

    assert main(["data", "remove", "brids"]) == 2
    assert "unknown pool 'brids' (did you mean 'birds'?)" in capsys.readouterr().err
    assert main(["data", "remove", "birds"]) == 0
    assert capsys.readouterr().out == f"removed the pool {place}; raw files, your images and results are as they were\n"
    assert not place.exists() and imported_names(data) == [] and state(birds) == before


def test_remove_leaves_raw_files_and_knows_pools_of_other_sizes(tmp_path, capsys):
    raw, pool, other = (tmp_path / name for name in ("omniglot/x.zip", ".prepared/omniglot", ".prepared/omniglot-64"))
    for path in (raw, pool / "manifest.json", pool / "images.npy", other / "manifest.json", other / "images.npy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert remove_pool("omniglot", tmp_path) == [pool]
    assert raw.exists() and other.exists() and not pool.exists()
    assert remove_pool("omniglot-64", tmp_path) == [other]
    with pytest.raises(BenchError, match=r"unknown pool|nothing to remove"):
        remove_pool("omniglot", tmp_path)


def broken(folder):
    write(folder, {"class03/broken.png": b"x"})


def copied(folder):
    write(folder, {"class03/copy.png": TEN["class03/image0.png"]})


def in_two_classes(folder):
    write(folder, {"class03/copy.png": TEN["class04/image0.png"]})


def alone(folder):
    write(folder, {"one/1.png": png(9999)})


def loose(folder):
    write(folder, {"1.png": png(9999)})


def dead(folder):
    (folder / "class00" / "gone.png").symlink_to(folder / "nowhere")


def parts(folder):
    for part in ("train", "val", "test"):
        write(folder / "parts" / part, TEN)
    return folder / "parts"


def labelled(folder):
    rows = [f"{name},{name.split('/')[0]}" for name in TEN]
    write(folder, {"labels.csv": "\n".join(["file,label", *rows[1:], "gone.png,class00"]).encode()})


def empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def nowhere(folder):
    return folder / "nowhere"


BAD = {
    "an unreadable image": (broken, "1 unreadable image: 'class03/broken.png'"),
    "a duplicate": (copied, "1 duplicate within a class"),
    "a duplicate in two classes": (in_two_classes, "1 duplicate in two classes"),
    "a class of one image": (alone, "1 class with fewer than 2 images: 'one' (1)"),
    "an image without class": (loose, "1 image outside any class folder"),
    "a dead link": (dead, "1 path to nothing, a dead link or an unreadable folder: 'class00/gone.png'"),
    "classes in two parts": (parts, "10 classes in two parts: 'class00' (train, val, test)"),
    "a label without a file": (labelled, "1 label without a file: 'gone.png'"),
    "a file without a label": (labelled, "1 file without a label: 'class00/image0.png'"),
    "an empty folder": (empty, "no image in"),
    "no folder": (nowhere, "does not exist. Give the folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_with_status_2_and_no_pool_is_written(case, birds, data, capsys):
    spoil, message = BAD[case]
    source = spoil(birds) or birds
    before = state(birds)
    assert main(["data", "import", "birds", "--from", str(source), "--size", "12"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert not (data / ".prepared" / "birds").exists() and state(birds) == before


OPTIONS = {
    "a size": (["birds", "--size", "3"], "`size` of birds is 3, but has to be from 8 to 1024 pixels a side"),
    "a split": (["birds", "--split", "gone.json"], "--split gone.json is neither `folders`, nor shares"),
    "shares": (["birds", "--split", "98:1:1"], "2 parts with fewer than 2 classes: val has 0, test has 0"),
    "folders": (["birds", "--split", "folders"], "--split folders needs folders train, val and test"),
    "a name": (["a/b"], "'a/b' cannot name a dataset. Take letters"),
    "a long name": (["a" * 300], "underscores, at most 100."),
    "a name of the package": (["omniglot-64"], "'omniglot-64' is a dataset of the package, or an option of one"),
    "an option of own images": (
        ["omniglot", "--gray"],
        "--gray is for your own images, but omniglot is a dataset already",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options(case, birds, data, capsys):
    words, message = OPTIONS[case]
    assert main(["data", "import", *words, "--from", str(birds)]) == 2
    assert message in capsys.readouterr().err and imported_names(data) == []


def test_a_broken_import_keeps_the_older_pool(birds, data, capsys):
    pool = import_images(birds, "birds", size=12)
    broken(birds)
    assert main(["data", "import", "birds", "--from", str(birds), "--size", "12"]) == 2
    assert open_pool("birds").pool.manifest == pool.pool.manifest
    assert main(["data", "import", "birds", "--from", str(birds), "--size", "12", "--skip-unreadable"]) == 0
    out = capsys.readouterr().out
    assert "1 unreadable image left out: 'class03/broken.png'" in out and "replaces an older import" not in out
    alone(birds)
    write(birds, {"one/2.png": png(9998)})
    assert main(["data", "import", "birds", "--from", str(birds), "--size", "12", "--skip-unreadable"]) == 0
    assert "replaces an older import with other images or another split" in capsys.readouterr().out


def test_a_misspelt_dataset_is_told_if_the_files_are_its_own(birds, tmp_path, data, capsys):
    raw = fake.write_omniglot_zips(tmp_path, fake.omniglot_files(examples=1))
    assert main(["data", "import", "omniglott", "--from", str(raw)]) == 2
    said = capsys.readouterr().err
    assert "unknown dataset 'omniglott' (did you mean 'omniglot'?)" in said and "holds omniglot: run" in said
    assert main(["data", "import", "omniglott", "--from", str(birds), "--size", "12"]) == 0
    assert imported_names(data) == ["omniglott"]


def test_a_name_that_another_pool_has(birds, data, capsys):
    write(data / ".prepared" / "mine-birds", {"manifest.json": b"{}"})
    assert main(["data", "import", "mine-birds", "--from", str(birds)]) == 2
    assert "'mine-birds' is the pool of another dataset" in capsys.readouterr().err


def test_an_import_in_python(birds, data):
    found = import_images(birds, "birds", size=12, gray=True, split="5:2:3", split_seed=1)
    assert repr(found) == "birds: 10 classes, 3 images each, 1 x 12 x 12"
    assert repr(open_pool("birds")) == repr(found) and found.pool.manifest["left_out"] == []
    items = [(picture(100 * klass + number), f"class{klass:02d}") for klass in range(10) for number in range(3)]
    again = import_images(items, "items", size=12, gray=True)
    assert np.array_equal(again.pool.images, found.pool.images)
    fresh = prepare_images(picture(0), again.dataset)
    assert np.array_equal(fresh.pixels[0], found.pool.images[0])
    assert fresh.done == ("largest centred square of 12 x 10, 12 x 12, grey",)


FORMS = (
    ("png", lambda image: encoded(image)),
    ("JPG", lambda image: encoded(image, "JPEG", quality=90)),
    ("webp", lambda image: encoded(image, "WEBP", lossless=True)),
    ("gif", lambda image: encoded(image, "GIF")),
    ("bmp", lambda image: encoded(image, "BMP")),
    ("tif", lambda image: encoded(image.convert("CMYK"), "TIFF")),
    ("PNG", lambda image: encoded(image.convert("RGBA"))),
    ("png", lambda image: encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257))),
)
"""(suffix, content of a picture) in the formats that people have."""

WORDS = ("Rötkehlchen", "great tit", "mésange  bleue", "Ωmega", "鶯", "o'brien", "50 % off", "a.b")


def mixed(folder):
    """37 classes of 3 to 900 images, in all formats and many sizes; names have spaces, accents and other scripts."""
    files = {}
    for klass in range(37):
        name = f"{WORDS[klass % len(WORDS)]} {klass}"
        for number in range({0: 900, 1: 200}.get(klass, 3 + klass % 5)):
            suffix, content = FORMS[number % len(FORMS)]
            size = (900, 700) if (klass, number) == (2, 1) else (8 + (klass + number) % 9, 8 + (3 * number) % 7)
            files[f"{name}/{number} (1).{suffix}"] = content(picture(1000 * klass + number, *size))
    return write(folder, {**files, "Thumbs.db": b"", ".DS_Store": b"", "a.b 7/._1.jpg": b""})


def test_a_mixed_folder_goes_from_import_to_a_table(tmp_path, data, capsys):
    source = mixed(tmp_path / "my birds")
    assert main(["data", "import", "birds", "--from", str(source), "--size", "16"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"birds: 1,2\d\d images of 37 classes, 3 to 900 images each, 3x16x16", out)
    assert "24 classes for train, 6 classes for val, 7 classes for test" in out
    assert "left out, since they are no images: 2 hidden, 1 .db" in out
    grid = tmp_path / "mine.toml"
    grid.write_text(tiny_toml(grid={"dataset": ["birds"]}))
    assert main(["run", str(grid), "--out", str(tmp_path / "results")]) == 0
    table = capsys.readouterr().out
    assert "birds" in table and "maml++" in table
    (config,) = (tmp_path / "results").rglob("config.toml")
    assert tomllib.loads(config.read_text())["dataset_options"]["parts"] == [24, 6, 7]
    grid.write_text(tiny_toml(grid={"dataset": ["birds"], "shots": [3]}))
    assert main(["run", str(grid), "--out", str(tmp_path / "more")]) == 2
    assert "a task takes 4 images of a class (shots + queries), but" in capsys.readouterr().err
