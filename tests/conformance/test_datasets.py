"""The checks of a dataset: the package's own pass, and every check sees the fault that it is there for."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from fewshot_bench.conformance.dataset import CHECKS, DRAWN_STAGES, STAGES, Candidate, pool_checks, task_checks
from fewshot_bench.conformance.findings import finding, findings, name_of
from fewshot_bench.data import glyph_drawing
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.raw_images import raw_images
from fewshot_bench.data.splits import make_split
from tests.own_datasets import IMAGES, NAMES, PARTS, birds, draw

PATH = "tests.conformance.test_datasets"
RIGHT = "tests.own_datasets:birds"


def of_pixels(pixels, **fields):
    """Birds of other pixels: pixels(kind, number) -> uint8 [3, 8, 8]."""
    classes = {name: [(kind, number) for number in range(IMAGES)] for kind, name in enumerate(NAMES)}
    found = birds()._replace(find_raw=lambda place: raw_images(classes, lambda one: pixels(*one), place))
    return found._replace(**fields)


def right_pixels(kind, number):
    return draw((kind, number), birds().shape)


def without_default(size) -> Dataset:
    return birds(size=size)


def positional(size=8) -> Dataset:
    return birds(size=size)


def one_class_in_val() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", PARTS | {"val": NAMES[6:7]})})


def demands_a_folder() -> Dataset:
    def find(place: Path):
        return birds().find_raw(place) if (place / "birds").is_dir() else {}[place]

    return birds()._replace(find_raw=find)


def with_dodos() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", PARTS | {"test": ["dodo", "auk"]})})


def less_used() -> Dataset:
    return birds()._replace(splits={"mine": make_split("mine", PARTS | {"test": NAMES[9:11]})})


CALLS = itertools.count()


def random_images() -> Dataset:
    return of_pixels(lambda kind, number: np.random.default_rng(next(CALLS)).integers(0, 255, (3, 8, 8), np.uint8))


def all_equal() -> Dataset:
    return of_pixels(lambda kind, number: right_pixels(kind, 0))


def of_bits() -> Dataset:
    return of_pixels(lambda kind, number: np.uint8(right_pixels(kind, number) > 100))


def some_blank() -> Dataset:
    return of_pixels(lambda kind, number: right_pixels(kind, number) if number else np.full((3, 8, 8), kind, np.uint8))


def leaking() -> Dataset:
    return of_pixels(lambda kind, number: right_pixels(0 if kind > 8 and number == 0 else kind, number))


def twice_in_train() -> Dataset:
    return of_pixels(lambda kind, number: right_pixels(0 if kind == 1 and number == 0 else kind, number))


def not_normalised() -> Dataset:
    return birds()._replace(mean=(0.0,), std=(0.1,))


def one_image() -> Dataset:
    classes = {name: [(kind, 0), (kind, 1)][: 2 - (kind == 10)] for kind, name in enumerate(NAMES)}
    return birds()._replace(find_raw=lambda place: raw_images(classes, lambda one: right_pixels(*one), place))


CASES = [
    ("tests.own_datasets:raises", "contract", False, "RuntimeError: the server of birds is down"),
    ("tests.own_datasets:zero_std", "contract", False, "every number has to be above 0"),
    (f"{PATH}:positional", "options", None, "no grid can set `size`. Write it after a `*`"),
    (f"{PATH}:one_class_in_val", "splits", False, "val of mine has 1 class, but a task needs 2 at least."),
    (f"{PATH}:demands_a_folder", "raw data", False, "find_raw failed: KeyError"),
    ("tests.own_datasets:finds_none", "raw data", False, "Its `find_raw` returned None."),
    (f"{PATH}:with_dodos", "pool", False, "names the class 'auk' and 1 more"),
    (f"{PATH}:less_used", "pool", None, "In no split: bird 11."),
    ("tests.own_datasets:ragged", "pool", True, "12 classes, 2 to 5 images each, 55 in all"),
    (f"{PATH}:random_images", "made again", False, "60 images of 60 differ, first image 0 of class 'bird 00'."),
    (f"{PATH}:all_equal", "images", False, "all images are equal in 12 classes: 'bird 00', 'bird 01'"),
    (f"{PATH}:of_bits", "images", False, "all pixels are from 0 to 1, but 255 is white. Multiply them by 255."),
    (f"{PATH}:some_blank", "images", None, "12 images of one colour alone."),
    (f"{PATH}:leaking", "duplicates", False, "split 'mine' of tests.conformance.test_datasets:leaking leaks"),
    (f"{PATH}:twice_in_train", "duplicates", None, "1 image in two classes of a part: bird 00/0 = bird 01/0"),
    (f"{PATH}:not_normalised", "normalisation", None, "would make that 0 and 1"),
    (f"{PATH}:one_image", "smallest class", False, "class 'bird 10' (test) has 1 image, but a task takes"),
    (f"{PATH}:one_image", "run", False, "test class 'bird 10' has fewer (1)"),
]
ELSEWHERE = {"hash of the pool", "tasks", "an image survives"}
"""Checks whose faults no dataset can have by itself; see the tests below."""


@pytest.fixture
def candidate(tmp_path):
    return lambda name: Candidate(name, tmp_path / "data", tmp_path / "scratch")


@pytest.mark.parametrize(("name", "check", "ok", "says"), CASES, ids=lambda value: str(value).rpartition(":")[2])
def test_a_fault_is_seen(name, check, ok, says, candidate):
    (test,) = [test for test in CHECKS if name_of(test) == check]
    found = finding(test, candidate(name))
    assert found.ok is ok, found.what
    assert says in found.what
    assert "\n" not in found.what


def test_there_is_a_fault_for_every_check():
    assert {name_of(check) for check in CHECKS} == {check for _, check, _, _ in CASES} | ELSEWHERE


def test_what_is_right_passes_and_leaves_nothing_behind(candidate, tmp_path):
    (tmp_path / "data").mkdir()
    found = list(findings(STAGES, candidate(RIGHT)))
    assert [(one.name, one.ok) for one in found] == [(name_of(check), True) for check in CHECKS]
    assert not list((tmp_path / "data").iterdir())


def test_an_edited_pool_is_seen(candidate):
    subject = candidate(RIGHT)
    assert finding(pool_checks.hash_of_the_pool, subject).ok
    (file,) = subject.scratch.rglob("images.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    found = finding(pool_checks.hash_of_the_pool, subject)
    assert found.ok is False
    assert found.what.startswith("its images hash to ")


def test_tasks_of_other_images_are_seen(candidate, monkeypatch):
    subject = candidate(RIGHT)
    right = task_checks.sampler
    monkeypatch.setattr(task_checks, "sampler", lambda pool, members, *more: right(pool, members[::-1], *more))
    assert finding(task_checks.tasks, subject).what == "train of mine: a task has an image that is not of its class."


def test_other_pixels_than_the_pools_are_seen(candidate, monkeypatch):
    subject = candidate(RIGHT)
    right = task_checks.dataset_of
    monkeypatch.setattr(task_checks, "dataset_of", lambda subject: right(subject)._replace(std=(0.3,)))
    assert "differs from the pool by up to" in finding(task_checks.an_image_survives, subject).what


def test_a_large_pool_is_not_made_twice(candidate, monkeypatch):
    monkeypatch.setattr(pool_checks, "LARGE", 1000)
    found = finding(pool_checks.made_again, candidate(RIGHT))
    assert (found.ok, found.what[:29]) == (None, "not tried, since its pool has")


def noted(name, data_dir, tmp_path):
    """The notes on one of the package's datasets; nothing fails."""
    found = list(findings(STAGES, Candidate(name, data_dir, tmp_path)))
    assert [one for one in found if one.ok is False] == []
    assert len(found) == len(CHECKS)
    return {one.name: one.what for one in found if one.ok is None}


def test_glyphs(glyphs_data, glyphs_pool, tmp_path, monkeypatch):
    """Made again, one letter in ten is drawn again: all of them take 10 s."""
    drawn = {name: glyphs_pool.of_class(index)[:, 0] for index, name in enumerate(glyphs_pool.classes) if index % 10}
    draw_anew = glyph_drawing.examples_of
    monkeypatch.setattr(glyph_drawing, "examples_of", lambda name: drawn[name] if name in drawn else draw_anew(name))
    assert set(noted("glyphs", glyphs_data, tmp_path)) <= {"normalisation", "images"}


def test_omniglot(omniglot_data, omniglot_pool, tmp_path):
    assert set(noted("omniglot", omniglot_data, tmp_path)) <= {"normalisation", "images"}


def test_mini_imagenet(mini_imagenet_data, mini_imagenet_pool, tmp_path):
    assert set(noted("mini-imagenet", mini_imagenet_data, tmp_path)) <= {"made again", "duplicates", "images"}


def in_batches() -> Dataset:
    """Sine waves that depend on how many tasks are drawn together."""
    known = dataset_named("sinusoid")

    def draw_tasks(key, indices, shape):
        tasks = known.draw_tasks(key, indices, shape)
        return tasks._replace(y=tasks.y + np.float32(len(indices)))

    return known._replace(draw_tasks=draw_tasks)


def same_for_all_keys() -> Dataset:
    known = dataset_named("sinusoid")
    return known._replace(draw_tasks=lambda key, indices, shape: known.draw_tasks("any", indices, shape))


def in_doubles() -> Dataset:
    known = dataset_named("sinusoid")

    def draw_tasks(key, indices, shape):
        tasks = known.draw_tasks(key, indices, shape)
        return tasks._replace(x=tasks.x.astype(np.float64))

    return known._replace(draw_tasks=draw_tasks)


def test_drawn_tasks(tmp_path):
    found = list(findings(DRAWN_STAGES, Candidate("sinusoid", tmp_path, tmp_path)))
    assert [one.ok for one in found] == [True] * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (in_batches, "a task differs in another batch"),
        (same_for_all_keys, "validation would repeat training"),
        (in_doubles, "`x` is float64"),
    ],
)
def test_drawn_tasks_that_are_no_pure_functions_fail(make, message, tmp_path):
    found = list(findings(DRAWN_STAGES, Candidate(f"{PATH}:{make.__name__}", tmp_path, tmp_path)))
    assert [one.name for one in found if one.ok is False] == ["drawn tasks"]
    assert message in found[-1].what
