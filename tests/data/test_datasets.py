"""The table of datasets agrees with itself, with the splits in the package, and with the glyphs as they are drawn."""

from pathlib import Path

import pytest

from fewshot_bench.data import glyphs
from fewshot_bench.data.datasets import DATASETS
from fewshot_bench.data.glyph_letters import listed
from fewshot_bench.data.locations import pool_places
from fewshot_bench.data.splits import all_classes

EVERY_SPLIT = [(name, split) for name, known in DATASETS.items() for split in known.splits]


@pytest.mark.parametrize("name", DATASETS)
def test_a_row_is_sound(name: str) -> None:
    known = DATASETS[name]
    assert known.name == name
    assert len(known.mean) == len(known.std) == known.shape.channels
    assert min(known.std) > 0


@pytest.mark.parametrize(("name", "split"), EVERY_SPLIT)
def test_a_split_divides_all_classes(name: str, split: str) -> None:
    assert len(all_classes(name, split)) == DATASETS[name].classes


def test_glyphs_are_what_the_table_says() -> None:
    known = DATASETS["glyphs"]
    assert (known.examples, known.shape) == (glyphs.EXAMPLES, glyphs.SHAPE)
    assert tuple(sorted(listed())) == all_classes("glyphs", "scripts")


def test_glyphs_are_cached_once_for_all_folders(tmp_path: Path) -> None:
    assert pool_places("glyphs", tmp_path / "a")[1] == pool_places("glyphs", tmp_path / "b")[1]
    assert pool_places("omniglot", tmp_path / "a")[1] != pool_places("omniglot", tmp_path / "b")[1]
