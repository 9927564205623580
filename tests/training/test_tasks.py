"""Tasks are the same to the bit, whichever way their images come."""

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_map

from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.pool import Pool, starts_of
from fewshot_bench.data.splits import read_split
from fewshot_bench.data.tasks import copied, in_pool
from fewshot_bench.hypergradients.problem import Task
from fewshot_bench.training.tasks import AHEAD, Streams, in_memory, on_device, streams
from tests.tiny import tiny_cell

MEMBERS = np.array([1, 4, 5])
ROWS = np.arange(24).reshape(2, 3, 4) % 20 + 20 * np.arange(3)[:, None]  # way i is of class i

ELSEWHERE = "cpu:0"
"""The CPU by a name that is not "cpu", so that it is a device like another."""


@pytest.fixture
def photos() -> Pool:
    """A pool in colours, whose images are no squares."""
    pixels = np.random.default_rng(0).integers(0, 256, (7 * 20, 3, 4, 5), dtype=np.uint8)
    return Pool(pixels, starts_of(20, 7), tuple("abcdefg"), {})


def made(pool: Pool, rotations: str, device: str) -> Streams:
    cell = tiny_cell({"queries": 3, "rotations": rotations}, {"queries": 5}, ways=4, shots=2, seed=3)
    return streams(cell, pool, read_split("omniglot", "gimli"), device)


def equal(one: Task, other: Task) -> bool:
    pairs = zip((*one.support, *one.query, *one[2:]), (*other.support, *other.query, *other[2:]), strict=True)
    return all(left.dtype == right.dtype and torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("rotations", ["train", "none"])
def test_a_device_gets_the_tasks_of_the_cpu(pattern_pool: Pool, rotations: str) -> None:
    here, there = (made(pattern_pool, rotations, device) for device in ("cpu", ELSEWHERE))
    for ours, theirs in zip(here, there, strict=True):
        assert equal(ours(7, 12), theirs(7, 12))
        assert equal(ours(0, 1), theirs(0, 1))
    assert not equal(here.val(0, 2), here.test(0, 2))
    assert here.train(0, 2).support.x.shape == (2, 8, 1, 28, 28)
    assert there.test(0, 2).query.x.shape == (2, 20, 1, 28, 28)


@pytest.mark.parametrize("dataset", ["omniglot", "mini-imagenet"])
def test_images_are_normalised_alike_from_anywhere(photos: Pool, dataset: str) -> None:
    known = dataset_named(dataset)
    bank, place = copied(photos, MEMBERS, False), in_pool(photos, MEMBERS)
    rows = ROWS + place.first[:, None] - bank.first[:, None]
    found = in_memory(bank, known)(torch.from_numpy(ROWS))
    assert torch.equal(found, on_device(bank, known, ELSEWHERE)(torch.from_numpy(ROWS)))
    assert torch.equal(found, in_memory(place, known)(torch.from_numpy(rows)))
    pixels = np.concatenate([photos.of_class(member) for member in MEMBERS])[ROWS].reshape(2, 12, 3, 4, 5) / 255
    mean, std = (np.array(values).reshape(-1, 1, 1) for values in (known.mean, known.std))
    assert found.dtype == torch.float32
    assert np.abs(found.numpy() - (pixels - mean) / std).max() < 1e-6


def test_images_go_to_a_device_once_and_when_they_are_wanted(photos: Pool) -> None:
    bank, read = copied(photos, MEMBERS, False), []
    gather = on_device(
        bank._replace(read=lambda: (read.append(1), bank.read())[1]), dataset_named("omniglot"), ELSEWHERE
    )
    assert read == []
    gather(torch.from_numpy(ROWS))
    gather(torch.from_numpy(ROWS))
    assert read == [1]


def test_nothing_but_indices_goes_to_a_device_later(pattern_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    train, sent = made(pattern_pool, "train", ELSEWHERE).train, []
    train(0, 1)
    from_numpy = torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda array: (sent.append(array), from_numpy(array))[1])
    train(1, 9)
    assert sent == []
    train(AHEAD - 3, AHEAD + 5)
    images, classes, keys = 4 * (2 + 3), 4, 1
    assert sum(array.size for array in sent) == AHEAD * (images + classes + keys)
    assert {array.dtype for array in sent} == {np.dtype(np.int64)}


@pytest.mark.parametrize("device", ["cpu", ELSEWHERE])
def test_a_task_is_the_same_however_many_are_asked_for(pattern_pool: Pool, device: str) -> None:
    train = made(pattern_pool, "train", device).train
    first = AHEAD - 2
    whole = train(first, first + 2 + AHEAD + 1)
    for index in (0, 1, 2, AHEAD + 1, AHEAD + 2):
        alone = train(first + index, first + index + 1)
        assert equal(alone, tree_map(lambda leaf, index=index: leaf[index : index + 1], whole))


@pytest.mark.parametrize("rotations", [True, False])
def test_a_copy_has_the_classes_and_their_turns_and_no_more(pattern_pool: Pool, rotations: bool) -> None:
    bank = copied(pattern_pool, MEMBERS, rotations)
    images = bank.read()
    assert len(images) == 3 * 20 * (4 if rotations else 1)
    for turns in range(4 if rotations else 1):
        for place, member in enumerate(MEMBERS):
            first = bank.first[place] + turns * bank.turned
            expected = np.rot90(pattern_pool.of_class(member), turns, axes=(-2, -1))
            assert (images[first : first + bank.counts[place]] == expected).all()


def test_a_pool_is_not_copied(photos: Pool) -> None:
    assert np.shares_memory(in_pool(photos, MEMBERS).read(), photos.images)
