"""Adapting by hand gives what a cell's test gave; and what is asked together counts only where it should."""

import numpy as np
import pandas as pd
import pytest
import torch

from fewshot_bench.api.adapting import adapt
from fewshot_bench.api.loading import load_cell
from fewshot_bench.api.pools import open_pool
from fewshot_bench.api.tasks import as_image, sample_task
from fewshot_bench.basics.errors import BenchError, CellError
from tests.api.conftest import recorded


@pytest.fixture(scope="module")
def pool(pattern_data):
    return open_pool("omniglot", pattern_data)


@pytest.mark.parametrize("learner", ["maml++", "protonet"])
def test_sampled_tasks_are_answered_as_in_the_test(finished, pool, learner):
    folder = finished(grid={"learner": [learner]}, training={"queries": 5})
    loaded = load_cell(folder)
    accuracies, losses = [], []
    for index in range(5):
        task = sample_task(pool, ways=3, shots=1, queries=5, index=index)
        answers = adapt(loaded, task.support).predict(np.concatenate(list(task.query.values())))
        truth = np.repeat(list(task.query), 5)
        accuracies.append(float((answers.idxmax(axis=1) == truth).mean()))
        losses.append(-np.log(answers.to_numpy()[answers.columns.to_numpy() == truth[:, None]]).mean())
        assert answers.sum(axis=1).to_numpy() == pytest.approx(1)
    assert accuracies == pytest.approx(recorded(folder)["accuracy"][:5].tolist())
    assert len(set(losses)) == 5


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


def test_a_folder_of_class_folders_is_a_support_set(finished, pool, tmp_path):
    """Links and hidden folders too; predictions are those of the same images by class."""
    loaded, task = load_cell(finished()), sample_task(pool, ways=3, shots=2, queries=2)
    (tmp_path / "photos" / ".git").mkdir(parents=True)
    (tmp_path / "photos" / "README.md").touch()
    for place, images in enumerate(task.support.values()):
        folder = tmp_path / ("elsewhere" if place == 0 else "photos") / f"class {place}"
        folder.mkdir(parents=True)
        for number, image in enumerate(images):
            as_image(image).save(folder / f"{number}.png")
    (tmp_path / "photos" / "class 0").symlink_to(tmp_path / "elsewhere" / "class 0")
    asked = np.concatenate(list(task.query.values()))
    named = {f"class {place}": list(map(as_image, images)) for place, images in enumerate(task.support.values())}
    expected = adapt(loaded, named).predict(asked)
    for folder in (tmp_path / "photos", str(tmp_path / "photos")):
        adapted = adapt(loaded, folder)
        pd.testing.assert_frame_equal(adapted.predict(asked), expected)
    assert adapted.done["class 1"].index.tolist() == ["0.png", "1.png"]


def test_tensors_are_a_support_set(finished, pool):
    loaded, task = load_cell(finished()), sample_task(pool, ways=3, shots=2, queries=2)
    asked = np.concatenate(list(task.query.values()))
    expected = adapt(loaded, task.support).predict(asked)
    tensors = {name: torch.from_numpy(images) for name, images in task.support.items()}
    pd.testing.assert_frame_equal(adapt(loaded, tensors).predict(torch.from_numpy(asked)), expected)


def test_labels_may_be_integers_and_names_of_images_alike(finished, pool, tmp_path):
    task = sample_task(pool, ways=3, shots=2)
    files = []
    for place in range(2):
        (tmp_path / str(place)).mkdir()
        files.append(tmp_path / str(place) / "1.png")
        as_image(task.support[next(iter(task.support))][place]).save(files[-1])
    support = dict(zip((0, np.int64(1), "c"), task.support.values(), strict=True))
    adapted = adapt(load_cell(finished()), support | {0: files})
    assert adapted.done.index.tolist() == [(0, "1.png"), (0, "1.png"), (1, "0"), (1, "1"), ("c", "0"), ("c", "1")]
    assert list(adapted.predict(files)) == [0, 1, "c"]
    assert adapted._repr_png_().startswith(b"\x89PNG")


def test_what_is_no_support_set_is_a_sentence(finished, pool, tmp_path):
    loaded, images = load_cell(finished()), sample_task(pool, ways=3).support
    (tmp_path / "empty").mkdir()
    for folder in ("a", "b", "c"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    first, *others = images.values()
    for support, says in (
        (list(images.values()), "the support set is of type list. Give a dict, class name"),
        (None, "the support set is of type NoneType"),
        (sample_task(pool, ways=3), "the support set is of type ImageTask"),
        (str(tmp_path / "nowhere"), "nowhere holds no class folders"),
        (tmp_path / "empty", "empty holds no class folders"),
        (tmp_path / "photos", "class a: there is no image in .*a. Give at least one"),
        ({0.5: first, "b": others[0], "c": others[1]}, r"a class is called 0\.5. Name classes by strings or integers"),
        ({"a": None, "b": others[0], "c": others[1]}, "class a: images are a NoneType"),
    ):
        with pytest.raises(BenchError, match=says):
            adapt(loaded, support)
    with pytest.raises(BenchError, match="unknown value of batch_norm 'inductiv'"):
        adapt(loaded, images).predict(first, batch_norm="inductiv")


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
