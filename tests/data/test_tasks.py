"""TaskImages are a pure function of what names them, and fair."""

import hashlib

import numpy as np
import pytest

from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.pool import write_pool
from fewshot_bench.data.tasks import TaskShape, draw, labels, sampler, task_key

TWENTY_EACH = np.full(30, 20)
SHAPES = [TaskShape(5, 1, 1), TaskShape(20, 5, 15), TaskShape(2, 19, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_classes_are_distinct_and_no_query_is_support(shape):
    chosen = draw("key", np.arange(500), shape, TWENTY_EACH, rotations=True)
    assert all(len(set(row)) == shape.ways for row in chosen.classes.tolist())
    assert all(len(set(row)) == shape.shots + shape.queries for task in chosen.examples.tolist() for row in task)
    assert chosen.classes.min() >= 0
    assert chosen.classes.max() < 30
    assert set(chosen.quarter_turns.ravel().tolist()) == {0, 1, 2, 3}


def test_a_task_is_the_same_in_any_batch():
    shape = TaskShape(5, 1, 5)
    whole = draw("key", np.arange(100), shape, TWENTY_EACH, rotations=True)
    part = draw("key", np.array([42, 7]), shape, TWENTY_EACH, rotations=True)
    for all_tasks, two in zip(whole, part, strict=True):
        assert (all_tasks[[42, 7]] == two).all()


def test_more_queries_leave_classes_and_support_as_they_are():
    few, many = (draw("key", np.arange(50), TaskShape(5, 2, q), TWENTY_EACH, rotations=False) for q in (1, 15))
    assert (few.classes == many.classes).all()
    assert (few.examples == many.examples[..., :3]).all()


def test_tasks_stay_what_they_are():
    """Of what results on disk were measured on: the first and the millionth training task of Omniglot 5-way 1-shot."""
    key = task_key("omniglot", "gimli", "train", TaskShape(5, 1, 1), 0)
    chosen = draw(key, np.array([0, 1_000_000]), TaskShape(5, 1, 1), np.full(1150, 20), rotations=True)
    assert chosen.classes.tolist() == [[84, 716, 25, 432, 940], [1001, 375, 317, 1013, 316]]
    assert chosen.examples.tolist() == [
        [[18, 3], [13, 4], [3, 9], [7, 11], [4, 16]],
        [[1, 19], [5, 15], [12, 16], [11, 5], [14, 11]],
    ]
    assert chosen.quarter_turns.tolist() == [[3, 1, 3, 3, 2], [0, 1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("key", "shape", "counts", "rotations", "pinned"),
    [
        (("omniglot", "gimli", "train"), TaskShape(5, 1, 1), np.full(1200, 20), True, "3fc0cc13f4bff449"),
        (("mini-imagenet", "ravi", "test"), TaskShape(5, 5, 15), np.full(20, 600), False, "a9cc2f90231c44cb"),
        (("omniglot", "gimli", "val"), TaskShape(20, 5, 15), np.full(100, 20), False, "55eae817214a1f77"),
    ],
)
def test_tasks_of_equal_classes_are_those_of_the_first_edition(key, shape, counts, rotations, pinned):
    """Hashes of 500 tasks, made by the code in which every class of a pool had as many images."""
    chosen = draw(task_key(*key, shape, 3), np.arange(500), shape, counts, rotations)
    assert hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in chosen)).hexdigest()[:16] == pinned


def test_classes_of_different_sizes_are_drawn_evenly():
    """Each class is as likely as any other, and so is each of its images; none is out of range."""
    counts, shape = np.array([3, 900, 20, 4]), TaskShape(2, 1, 2)
    chosen = draw("key", np.arange(20_000), shape, counts, rotations=False)
    assert (chosen.examples < counts[chosen.classes][..., None]).all()
    assert (chosen.examples >= 0).all()
    often = np.bincount(chosen.classes.ravel(), minlength=4)
    assert (np.abs(often - 10_000) < 5 * np.sqrt(20_000 * 0.25)).all()
    for index, count in enumerate(counts):
        images = np.bincount(chosen.examples[chosen.classes == index].ravel(), minlength=count)
        expected = 3 * often[index] / count
        assert (np.abs(images - expected) < 6 * np.sqrt(expected)).all()


def test_images_of_unequal_classes_are_those_of_their_classes(tmp_path):
    counts, shape = [4, 7, 3], ImageShape(1, 2, 2)

    def fill(array):
        array[:] = np.arange(len(array), dtype=np.uint8)[:, None, None, None] * 10 + np.arange(4).reshape(1, 2, 2)

    pool = write_pool(tmp_path, ("a", "b", "c"), counts, shape, fill, {})
    members = np.array([0, 2])
    for rotations in (False, True):
        task = sampler(pool, members, TaskShape(2, 1, 2), rotations, "key")(np.arange(50))
        chosen = draw("key", np.arange(50), TaskShape(2, 1, 2), pool.counts[members], rotations)
        expected = pool.starts[members[chosen.classes]][..., None] + chosen.examples
        assert (task.support.max(axis=(-3, -2, -1)) == 10 * expected[..., 0] + 3).all()
        assert (task.query.max(axis=(-3, -2, -1)).reshape(50, 2, 2) == 10 * expected[..., 1:] + 3).all()


def test_keys_tell_apart_what_must_differ():
    shape = TaskShape(5, 1, 1)
    keys = {
        task_key(dataset, split, part, shape, seed)
        for dataset in ("omniglot", "glyphs")
        for split in ("gimli", "lake")
        for part in ("train", "val", "test")
        for seed in (0, 1)
    }
    assert len(keys) == 24
    first, second = (draw(key, np.arange(50), shape, np.full(1000, 20), rotations=False) for key in sorted(keys)[:2])
    assert (first.classes != second.classes).any()


def test_images_are_those_of_their_classes_turned_by_quarters(pattern_pool):
    members, shape = np.array([3, 5, 8, 13, 21, 34]), TaskShape(3, 2, 2)
    indices = np.arange(20)
    chosen = draw("key", indices, shape, TWENTY_EACH[: len(members)], rotations=True)
    episodes = sampler(pattern_pool, members, shape, True, "key")(indices)
    assert episodes.support.shape == (20, 6, 1, 28, 28)
    for task in range(20):
        for way in range(3):
            images = pattern_pool.of_class(members[chosen.classes[task, way]])
            for j, example in enumerate(chosen.examples[task, way]):
                expected = np.rot90(images[example], chosen.quarter_turns[task, way], axes=(-2, -1))
                part, position = (episodes.support, j) if j < 2 else (episodes.query, j - 2)
                assert (part[task, 2 * way + position] == expected).all()


def test_without_rotation_images_come_straight_from_the_pool(pattern_pool):
    members, shape = np.array([3, 5, 8]), TaskShape(2, 1, 1)
    chosen = draw("key", np.arange(10), shape, TWENTY_EACH[:3], rotations=False)
    episodes = sampler(pattern_pool, members, shape, False, "key")(np.arange(10))
    expected = pattern_pool.images[pattern_pool.starts[members[chosen.classes]] + chosen.examples[..., 0]]
    assert (episodes.support == expected).all()


def test_labels_follow_the_images():
    assert labels(3, 2).tolist() == [0, 0, 1, 1, 2, 2]
