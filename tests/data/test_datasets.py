"""The table of datasets agrees with itself, with the splits in the package, and with the glyphs as they are drawn."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.data import glyph_drawing, glyphs
from fewshot_bench.data.dataset import check_dataset
from fewshot_bench.data.datasets import DATASETS, dataset_named, open_pool
from fewshot_bench.data.glyph_letters import listed
from fewshot_bench.data.locations import cache_dir, pool_places
from fewshot_bench.data.pool import MANIFEST
from fewshot_bench.data.splits import ClassSplit, all_classes

EVERY_SPLIT = [(name, split) for name in DATASETS for split in dataset_named(name).splits]


@pytest.mark.parametrize("name", DATASETS)
def test_a_row_is_sound(name: str) -> None:
    known = dataset_named(name)
    check_dataset(known)
    assert known.name == name
    assert len(known.mean) == len(known.std) == known.shape.channels
    assert min(known.std) > 0


@pytest.mark.parametrize(("name", "split"), EVERY_SPLIT)
def test_a_split_divides_all_classes(name: str, split: str) -> None:
    known = dataset_named(name)
    found = known.splits[split]
    assert sum(known.sizes(split)) == known.classes
    if isinstance(found, ClassSplit):  # others are listed by the pool
        assert len(all_classes(name, split)) == known.classes


def test_glyphs_are_what_the_table_says() -> None:
    known = dataset_named("glyphs")
    drawn = glyph_drawing.EXAMPLES, glyph_drawing.SHAPE, glyph_drawing.EDITION
    assert (known.examples, known.shape, known.edition) == drawn
    assert glyphs.EDITION == glyph_drawing.EDITION
    assert tuple(sorted(listed())) == all_classes("glyphs", "scripts")


def test_glyphs_of_an_older_edition_are_drawn_anew(
    glyphs_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The letters are those that are drawn already: to draw all takes 10 s."""
    drawn, asked = open_pool(dataset_named("glyphs"), glyphs_data), []

    def examples_of(name: str) -> np.ndarray:
        asked.append(name)
        return drawn.of_class(drawn.classes.index(name))[:, 0]

    monkeypatch.setattr(glyph_drawing, "examples_of", examples_of)
    cached = tmp_path / ".prepared" / "glyphs"
    shutil.copytree(glyphs_data / ".prepared" / "glyphs", cached)
    manifest = json.loads((cached / MANIFEST).read_text())
    (cached / MANIFEST).write_text(json.dumps(manifest | {"edition": 1, "pool_hash": "old"}))
    assert open_pool(dataset_named("glyphs"), tmp_path).manifest == manifest
    assert len(asked) == len(drawn.classes)


def test_drawn_images_are_cached_once_for_all_folders(tmp_path: Path) -> None:
    def cached(name: str, folder: str) -> Path:
        return pool_places(dataset_named(name), tmp_path / folder)[1]

    assert cached("glyphs", "a") == cached("glyphs", "b")
    assert cached("omniglot", "a") != cached("omniglot", "b")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
@pytest.mark.parametrize(("variable", "folder"), [("/somewhere", "/somewhere"), ("", "/home/me/.cache")])
def test_the_cache_stays_where_prepared_pools_are(variable: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert cache_dir() == Path(folder, "fewshot_bench")
