"""Adapting by hand gives what a cell's test gave; and what is asked together counts only where it should."""

import numpy as np
import pandas as pd
import pytest

from fewshot_bench.basics.errors import BenchError, CellError
from fewshot_bench.library.adapting import adapt
from fewshot_bench.library.episodes import sample_task
from fewshot_bench.library.loading import load_cell
from fewshot_bench.library.pools import open_pool
from tests.library.conftest import recorded


@pytest.fixture(scope="module")
def pool(pattern_data):
    return open_pool("omniglot", pattern_data)


@pytest.mark.parametrize("learner", ["maml++", "protonet"])
def test_sampled_tasks_are_answered_as_in_the_test(finished, pool, learner):
    folder = finished(grid={"learner": [learner]}, training={"queries": 5})
    loaded = load_cell(folder)
    accuracies = []
    for index in range(5):
        task = sample_task(pool, ways=3, shots=1, queries=5, index=index)
        answers = adapt(loaded, task.support).predict(np.concatenate(list(task.query.values())))
        truth = np.repeat(list(task.query), 5)
        accuracies.append(float((answers.idxmax(axis=1) == truth).mean()))
        assert answers.sum(axis=1).to_numpy() == pytest.approx(1)
    assert accuracies == pytest.approx(recorded(folder)["accuracy"][:5].tolist())
    assert len(set(accuracies)) > 1


def test_prototypes_do_not_care_for_the_order_of_classes(finished, pool):
    loaded = load_cell(finished(grid={"learner": ["protonet"]}))
    task = sample_task(pool, ways=3, shots=2, queries=2)
    images = np.concatenate(list(task.query.values()))
    turned = dict(reversed(task.support.items()))
    one, other = (adapt(loaded, support).predict(images) for support in (task.support, turned))
    assert list(one) == list(task.support) == list(other)[::-1]
    pd.testing.assert_frame_equal(one, other[list(one)], atol=1e-5)


def test_inductively_no_image_is_told_of_the_others(finished, pool):
    loaded = load_cell(finished())
    task = sample_task(pool, ways=3, shots=2, queries=2)
    adapted, images = adapt(loaded, task.support), np.concatenate(list(task.query.values()))
    alone, together = (adapted.predict(asked, batch_norm="inductive") for asked in (images[:1], images))
    assert alone.to_numpy()[0] == pytest.approx(together.to_numpy()[0], abs=1e-5)
    alone, together = (adapted.predict(asked) for asked in (images[:1], images))
    assert alone.to_numpy()[0] != pytest.approx(together.to_numpy()[0], abs=1e-3)


def test_classes_may_have_different_numbers_of_images(finished, pool):
    task = sample_task(pool, ways=3, shots=3)
    support = {name: images[: 1 + place] for place, (name, images) in enumerate(task.support.items())}
    adapted = adapt(load_cell(finished()), support)
    assert adapted.predict(task.query[next(iter(task.query))]).shape == (5, 3)
    assert [len(done) for done in (adapted.done, adapted.done[next(iter(support))])] == [6, 1]
    assert adapted._repr_png_().startswith(b"\x89PNG")
    assert repr(adapted).startswith("maml++ adapted to ")


def test_too_many_classes_are_a_sentence(finished, pool):
    with pytest.raises(BenchError, match=r"^5 classes, but omniglot-3w1s-.* was trained to tell 3 apart"):
        adapt(load_cell(finished()), sample_task(pool, ways=5).support)


def test_logits_that_are_not_finite_are_a_sentence(finished, pool):
    from dataclasses import replace

    loaded = load_cell(finished())
    broken = replace(loaded, members=tuple({name: t * float("nan") for name, t in m.items()} for m in loaded.members))
    task = sample_task(pool, ways=3)
    with pytest.raises(CellError, match="diverges"):
        adapt(broken, task.support).predict(task.query[next(iter(task.query))])
