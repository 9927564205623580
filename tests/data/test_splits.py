"""Class splits: their sizes, the rules that made them, disjointness, and the images that two parts share."""

from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.locations import raw_places
from fewshot_bench.data.pool import Pool, starts_of
from fewshot_bench.data.splits import (
    PARTS,
    all_classes,
    check_images,
    crossing,
    known_duplicates,
    make_split,
    read_split,
    shared_images,
)

GIMLI_SEED = 985773  # RandomState(0).randint(1, 999999), the first draw that MAML++'s loader makes for its splits

SPLITS = [
    ("omniglot", "gimli", (1150, 50, 423), "e3989f33c626ac74"),
    ("omniglot", "vinyals", (1028, 172, 423), "06e1e1ffe219e303"),
    ("omniglot", "lake", (813, 151, 659), "8aa370521ee111fd"),
    ("mini-imagenet", "ravi", (64, 16, 20), "cede7f2d56c0ce83"),
    ("mini-imagenet", "gimli-fork", (64, 16, 20), "fc67aeac9170c86a"),
    ("mini-imagenet", "all", (100, 0, 0), "9a6b65a75c704f68"),
    ("cifar-fs", "bertinetto", (64, 16, 20), "8a04773215e49dab"),
    ("fc100", "oreshkin", (60, 20, 20), "fbe72601118580c5"),
    ("cub", "chen", (100, 50, 50), "836a868ab41dab05"),
]

KNOWN = known_duplicates("mini-imagenet")


@pytest.mark.parametrize(("dataset", "name", "sizes", "start"), SPLITS)
def test_splits_are_whole_and_pinned(dataset: str, name: str, sizes: tuple[int, ...], start: str) -> None:
    split = read_split(dataset, name)
    assert tuple(len(split.part(part)) for part in PARTS) == sizes
    assert split.hash.startswith(start)
    assert all_classes(dataset, name) == all_classes(dataset, next(iter(dataset_named(dataset).splits)))
    assert len(all_classes(dataset, name)) == dataset_named(dataset).classes


def test_every_split_in_the_package_is_offered() -> None:
    names = ("omniglot", "mini-imagenet", "cifar-fs", "fc100", "cub")
    listed = {(name, split) for name in names for split in dataset_named(name).splits}
    assert listed == {(dataset, name) for dataset, name, *_ in SPLITS}


def shuffled(names: list[str]) -> list[str]:
    order = np.arange(len(names), dtype=np.int32)
    np.random.RandomState(GIMLI_SEED).shuffle(order)
    return [names[i] for i in order]


def test_gimli_is_what_its_rule_makes() -> None:
    assert np.random.RandomState(0).randint(1, 999999) == GIMLI_SEED
    names = shuffled(list(all_classes("omniglot", "lake")))
    fractions = np.cumsum([0.70918052988, 0.03080714725, 0.2606284658])
    train, val, test = (int(fraction * 1623) for fraction in fractions)
    made = make_split("gimli", {"train": names[:train], "val": names[train:val], "test": names[val:test]})
    assert made == read_split("omniglot", "gimli")


def test_gimli_fork_is_what_its_rule_makes() -> None:
    ravi = read_split("mini-imagenet", "ravi")
    names = shuffled([*ravi.test, *ravi.train, *ravi.val])
    made = make_split("gimli-fork", {"train": names[:64], "val": names[64:80], "test": names[80:]})
    assert made == read_split("mini-imagenet", "gimli-fork")
    assert [len(set(made.test) & set(ravi.part(part))) for part in PARTS] == [15, 3, 2]


def test_lake_validates_on_the_last_background_alphabets() -> None:
    lake = read_split("omniglot", "lake")
    train, val, test = ({name.split("/")[0] for name in lake.part(part)} for part in PARTS)
    assert (len(train), len(val), len(test)) == (25, 5, 20)
    assert max(train) < min(val)


def test_ravi_is_what_the_csvs_say(mini_imagenet_data: Path) -> None:
    folder = next(
        (
            place
            for place in raw_places(dataset_named("mini-imagenet"), mini_imagenet_data)
            if (place / "val.csv").exists()
        ),
        None,
    )
    if folder is None:
        pytest.skip("the real mini-ImageNet here has no CSVs")
    for part in PARTS:
        lines = (folder / f"{part}.csv").read_text().splitlines()[1:]
        assert {line.split(",")[1] for line in lines} == set(read_split("mini-imagenet", "ravi").part(part))


def test_overlapping_parts_are_refused() -> None:
    with pytest.raises(DataError, match="class 'b' is in train and in test"):
        make_split("mine", {"train": ["a", "b"], "val": ["c"], "test": ["b"]})


def test_unknown_splits_say_which_there_are() -> None:
    with pytest.raises(DataError, match=r"did you mean 'gimli'\?.*Known: gimli, lake, vinyals"):
        read_split("omniglot", "gimly")


def test_indices_point_at_the_classes(omniglot_pool: Pool) -> None:
    split = read_split("omniglot", "vinyals")
    for part in PARTS:
        indices = split.indices(part, omniglot_pool)
        assert indices.dtype == np.int64
        assert tuple(omniglot_pool.classes[i] for i in indices) == split.part(part)


def test_a_class_that_the_pool_lacks_is_said() -> None:
    with pytest.raises(DataError, match="1 class that the pool does not have: 'z'"):
        make_split("mine", {"train": ["a", "z"], "val": [], "test": []}).indices("train", tiny_pool([]))


def test_images_shared_between_parts_are_refused() -> None:
    split = make_split("mine", {"train": ["a", "b"], "val": ["c"], "test": ["d"]})
    check_images("omniglot", split, tiny_pool([["a/0", "b/1"]]))  # both in train
    with pytest.raises(DataError, match="the images b/1 and d/0 are equal"):
        check_images("omniglot", split, tiny_pool([["a/0", "b/1"], ["b/1", "d/0"]]))


def test_listed_duplicates_are_tolerated_as_often_as_listed() -> None:
    split = read_split("mini-imagenet", "ravi")
    twin = ["n02950826/203", "n04389033/200"]
    check_images("mini-imagenet", split, tiny_pool([twin]), KNOWN)
    with pytest.raises(DataError, match="leaks"):
        check_images("mini-imagenet", split, tiny_pool([twin, ["n02950826/7", "n04389033/9"]]), KNOWN)


def test_tolerated_duplicates_have_a_text() -> None:
    texts = crossing(KNOWN, read_split("mini-imagenet", "ravi"))
    assert len(texts) == 6
    assert all("(train)" in text and "(val)" in text for text in texts)
    fork = crossing(KNOWN, read_split("mini-imagenet", "gimli-fork"))
    assert (len(fork), sum("(test)" in text for text in fork)) == (7, 7)
    assert crossing(known_duplicates("omniglot"), read_split("omniglot", "gimli")) == ()
    fs = crossing(known_duplicates("cifar-100"), read_split("cifar-fs", "bertinetto"))
    assert (len(fs), sum("(test)" in text for text in fs)) == (15, 7)
    fc = crossing(known_duplicates("cifar-100"), read_split("fc100", "oreshkin"))
    assert (len(fc), sum("(test)" in text for text in fc)) == (3, 1)


@pytest.mark.parametrize("name", dataset_named("omniglot").splits)
def test_real_omniglot_leaks_nowhere(name: str, omniglot_pool: Pool) -> None:
    assert shared_images(read_split("omniglot", name), omniglot_pool) == []


@pytest.mark.parametrize(("name", "pairs"), [("ravi", 6), ("gimli-fork", 7)])
def test_real_mini_imagenet_shares_what_is_listed(name: str, pairs: int, mini_imagenet_pool: Pool) -> None:
    split = read_split("mini-imagenet", name)
    check_images("mini-imagenet", split, mini_imagenet_pool, KNOWN)
    assert len(shared_images(split, mini_imagenet_pool)) == pairs == len(crossing(KNOWN, split))


def tiny_pool(groups: list[list[str]]) -> Pool:
    return Pool(np.zeros((8, 1, 2, 2), np.uint8), starts_of(2, 4), ("a", "b", "c", "d"), {"duplicates": groups})
