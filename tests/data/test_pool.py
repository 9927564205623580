"""Pools: where they go, that they are whole or absent, and that two makers do not meet."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fewshot_bench.basics.errors import BenchError, DataError
from fewshot_bench.basics.images import ImageShape
from fewshot_bench.data.datasets import dataset_named, open_pool, prepare_pool
from fewshot_bench.data.locations import default_data_dir, place_for_pool, prepared_pool
from fewshot_bench.data.pool import Pool, Progress, content_of, read_pool, write_pool
from fewshot_bench.data.raw import Raw
from fewshot_bench.data.verifying import verify

SHAPE = ImageShape(1, 2, 3)


def count_up(array: NDArray[np.uint8]) -> None:
    array[:] = np.arange(array.size, dtype=np.uint8).reshape(array.shape)


def make(folder: Path, progress: Progress | None = None) -> Pool:
    return write_pool(folder, ("a", "b"), 2, SHAPE, count_up, {"dataset": "toy"})


TOY = dataset_named("omniglot")._replace(name="toy", shape=SHAPE, examples=2, splits={})
STARTS = np.array([0, 2, 4])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pool = make(tmp_path)
    assert pool.shape == SHAPE
    assert pool.classes == ("a", "b")
    np.testing.assert_array_equal(pool.images.ravel(), np.arange(24))
    assert pool.manifest["known_as"] is None
    assert verify(TOY, pool).pool_hash == pool.manifest["pool_hash"]


def test_the_hash_sees_names_pixels_and_places() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(4, 1, 2, 3)
    hashes = {
        content_of(images, STARTS, ("a", "b")).hash,
        content_of(images, STARTS, ("a", "c")).hash,
        content_of(images[::-1], STARTS, ("a", "b")).hash,
        content_of(images + np.uint8(1), STARTS, ("a", "b")).hash,
        content_of(images, np.array([0, 1, 4]), ("a", "b")).hash,
    }
    assert len(hashes) == 5


def test_duplicates_are_those_of_different_classes() -> None:
    images = np.array([1, 1, 2, 3, 3, 4], np.uint8).reshape(6, 1, 1, 1)
    assert content_of(images, np.array([0, 2, 4, 6]), ("a", "b", "c")).duplicates == [["b/1", "c/0"]]
    assert content_of(images, np.array([0, 3, 4, 6]), ("a", "b", "c")).duplicates == [["b/0", "c/0"]]


def test_classes_may_have_any_number_of_images(tmp_path: Path) -> None:
    pool = write_pool(tmp_path, ("a", "b", "c"), [1, 3, 2], SHAPE, count_up, {})
    assert pool.counts.tolist() == [1, 3, 2]
    np.testing.assert_array_equal(pool.of_class(1).ravel(), np.arange(6, 24))
    assert read_pool(tmp_path).manifest["examples"] == [1, 3, 2]


def test_a_pool_of_an_older_release_is_read(tmp_path: Path) -> None:
    """Its array had an axis of classes and one of examples; hash and images are the same."""
    images = np.array(make(tmp_path).images)
    np.save(tmp_path / "images.npy", images.reshape(2, 2, *SHAPE))
    old = read_pool(tmp_path)
    np.testing.assert_array_equal(old.images, images)
    assert verify(TOY, old).pool_hash == old.manifest["pool_hash"]


def test_a_changed_pool_is_found_out(tmp_path: Path) -> None:
    make(tmp_path)
    with (tmp_path / "images.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    with pytest.raises(DataError, match="was changed after it was prepared"):
        verify(TOY, read_pool(tmp_path))


@pytest.mark.parametrize("damage", ["images", "manifest"])
def test_a_torn_pool_is_not_opened(damage: str, tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / {"images": "images.npy", "manifest": "manifest.json"}[damage]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="Delete that folder and run again"):
        read_pool(tmp_path)


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(array: NDArray[np.uint8]) -> None:
        raise DataError("no")

    with pytest.raises(DataError):
        write_pool(tmp_path, ("a",), 1, SHAPE, fails, {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_import_keeps_the_old_pool(tmp_path: Path) -> None:
    make(tmp_path)

    def fails(array: NDArray[np.uint8]) -> None:
        raise DataError("no")

    with pytest.raises(DataError):
        write_pool(tmp_path, ("a",), 1, SHAPE, fails, {})
    assert read_pool(tmp_path).classes == ("a", "b")


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(BenchError, match="No space left on device"):
        make(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_prepare_once(tmp_path: Path) -> None:
    made = []
    both = threading.Barrier(2)

    def slowly(folder: Path, progress: Progress) -> Pool:
        made.append(folder)
        return make(folder)

    def open_it() -> None:
        both.wait()
        prepare_pool(TOY, Raw("toy", tmp_path, slowly), tmp_path / "pool", afresh=False)

    threads = [threading.Thread(target=open_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert prepare_pool(TOY, Raw("toy", tmp_path, slowly), tmp_path / "pool").classes == ("a", "b")
    assert len(made) == 2  # an import makes it afresh


def test_what_a_killed_maker_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".images.npy.abc.part").write_bytes(bytes(100))
    prepare_pool(TOY, Raw("toy", tmp_path, make), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy", "manifest.json"]


def test_a_pool_goes_beside_raw_data_that_can_be_written(tmp_path: Path) -> None:
    assert place_for_pool(dataset_named("omniglot"), tmp_path) == tmp_path / ".prepared" / "omniglot"


def test_a_pool_goes_to_the_cache_where_the_data_folder_is_read_only(tmp_path: Path, cache: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir(mode=0o555)
    places = [place_for_pool(dataset_named("omniglot"), folder) for folder in (one, other)]
    assert all(cache in place.parents for place in places)
    assert places[0] != places[1]
    make(places[0])
    assert (prepared_pool(dataset_named("omniglot"), one), prepared_pool(dataset_named("omniglot"), other)) == (
        places[0],
        None,
    )
    assert list(one.iterdir()) == []


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSHOT_DATA", "elsewhere")
    assert default_data_dir() == Path("elsewhere")
    monkeypatch.delenv("FEWSHOT_DATA")
    assert default_data_dir() == Path("datasets")


def test_no_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no omniglot in .*data get omniglot.*data import omniglot --from PATH"):
        open_pool(dataset_named("omniglot"), tmp_path)
    with pytest.raises(BenchError, match="did you mean 'omniglot'"):
        open_pool(dataset_named("omniglott"), tmp_path)
