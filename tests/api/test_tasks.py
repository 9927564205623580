"""A sampled task is the one that cells meet, and its picture shows it."""

import io

import numpy as np
import pytest
from PIL import Image

from fewshot_bench.api.loading import load_cell
from fewshot_bench.api.pools import open_pool
from fewshot_bench.api.tasks import sample_task
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.peers.classes import ClassImages
from fewshot_bench.peers.pools import pool_of
from fewshot_bench.training.assembly import assemble


@pytest.fixture(scope="module")
def pool(pattern_data):
    return open_pool("omniglot", pattern_data)


@pytest.mark.parametrize("index", [0, 7, 600])
def test_it_is_the_task_of_a_cells_test(finished, pool, index):
    loaded = load_cell(finished())
    met = assemble(loaded.cell, pool.pool, loaded.plan).streams.test(index, index + 1)
    task = sample_task(pool, ways=3, shots=1, queries=loaded.cell.test_queries, index=index)
    for images, batch in ((task.support, met.support), (task.query, met.query)):
        pixels = np.concatenate(list(images.values()))
        np.testing.assert_array_equal(np.round(batch.x[0].numpy() * 255).astype(np.uint8), pixels)


def test_more_queries_leave_what_there_is(pool):
    few, many = (sample_task(pool, queries=queries) for queries in (1, 15))
    for name, images in few.support.items():
        np.testing.assert_array_equal(images, many.support[name])
        np.testing.assert_array_equal(few.query[name][0], many.query[name][0])


def test_classes_are_of_the_part(pool):
    from fewshot_bench.data.splits import read_split

    for part in ("train", "val", "test"):
        assert set(sample_task(pool, part=part).support) <= set(read_split("omniglot", "gimli").part(part))


def test_the_picture_shows_every_image_once_in_its_place(pool):
    task = sample_task(pool, ways=4, shots=2, queries=3)
    picture = Image.open(io.BytesIO(task._repr_png_())).convert("L")
    seen = np.asarray(picture)
    places = {}
    for name in task.support:
        for kind, images in (("support", task.support[name]), ("query", task.query[name])):
            for number, pixels in enumerate(images):
                shown = np.kron(pixels[0], np.ones((3, 3), np.uint8))[3:-3, 3:-3]  # without the frame around it
                windows = np.lib.stride_tricks.sliding_window_view(seen, (1, shown.shape[1]))[:, :, 0]
                starts = [
                    (y, x)
                    for y, x in np.argwhere((windows[..., ::3] == shown[0, ::3]).all(-1))
                    if np.array_equal(seen[y : y + len(shown), x : x + shown.shape[1]], shown)
                ]
                assert len(starts) == 1
                places[name, kind, number] = starts[0]
    for name in task.support:
        line = [places[name, "support", i] for i in range(2)] + [places[name, "query", i] for i in range(3)]
        assert len({y for y, _ in line}) == 1
        assert line == sorted(line)
    assert len({y for y, _ in places.values()}) == 4


def test_what_cannot_be_sampled_is_a_sentence(pool):
    with pytest.raises(BenchError, match=r"1 shot \+ 20 queries make 21 images, but omniglot has 20 a class"):
        sample_task(pool, queries=20)
    with pytest.raises(BenchError, match="1,000 ways: split 'gimli' of omniglot has"):
        sample_task(pool, ways=1000)
    with pytest.raises(BenchError, match=r"unknown part 'tset' \(did you mean 'test'\?\)"):
        sample_task(pool, part="tset")
    with pytest.raises(BenchError, match="at least one way"):
        sample_task(pool, shots=0)
    with pytest.raises(BenchError, match="unknown dataset 'omniglott'"):
        open_pool("omniglott")
    with pytest.raises(BenchError, match="sinusoid has no images to open"):
        open_pool("sinusoid")


def test_a_pool_without_a_dataset_is_drawn_from_as_a_whole(tmp_path):
    pixels = np.arange(4 * 3 * 28 * 28, dtype=np.int64).reshape(4, 3, 1, 28, 28).astype(np.uint8)
    classes = {f"class {row}": ClassImages(3, lambda row=row: iter(pixels[row])) for row in range(4)}
    pool = pool_of(classes, tmp_path)
    tasks = [sample_task(pool, ways=3, shots=1, queries=2, index=index) for index in range(8)]
    assert {name for task in tasks for name in task.support} == set(classes)
    for name, images in tasks[0].support.items():
        given = {image.tobytes() for image in pixels[int(name[-1])]}
        assert given == {image.tobytes() for image in np.concatenate([images, tasks[0].query[name]])}
    assert repr(tasks[0]).startswith("a task of the pool: class ")
    with pytest.raises(BenchError, match="5 ways: the pool has 4 available classes"):
        sample_task(pool, ways=5)
    for wanted in ({"part": "train"}, {"split": "gimli"}):
        with pytest.raises(BenchError, match="a pool made by pool_of has no class splits"):
            sample_task(pool, ways=2, queries=1, **wanted)
    with pytest.raises(BenchError, match=r"the pool is a str\. Give what open_pool or pool_of returns"):
        sample_task("omniglot")


def test_what_they_say_of_themselves(pool):
    assert repr(pool) == "omniglot: 1,623 classes, 20 images each, 1 x 28 x 28"
    assert repr(sample_task(pool, ways=2)).endswith("; 1 shot and 5 queries a class")
