"""Our tasks in torchmeta's and learn2learn's forms, and their own training loops on them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._pytree import tree_map

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.data.splits import read_split
from fewshot_bench.hypergradients.batching import over_tasks
from fewshot_bench.learners import LEARNERS
from fewshot_bench.learners.base import WEIGHTS, select
from fewshot_bench.peers.episodes import Taskset, interleaved, torchmeta_batches
from fewshot_bench.peers.importing import learn2learn, torchmeta
from fewshot_bench.training.tasks import streams
from tests.learners.networks import at, no_statistics, parts, small
from tests.peers.by_torchmeta import meta_network
from tests.peers.questions import LR, STEPS, network
from tests.tiny import tiny_cell

WAYS, SHOTS, QUERIES, BATCH, META_LR = 3, 2, 3, 2, 0.5


@pytest.fixture(scope="module")
def stream(pattern_pool):
    cell = tiny_cell({"queries": QUERIES}, ways=WAYS, shots=SHOTS)
    return streams(cell, pattern_pool, read_split("omniglot", "gimli"), "cpu").train


def weights_after_two_meta_steps(stream):
    """Gradient descent on the mean query loss, by the learner here."""
    made, learner = parts(small, lr=LR), LEARNERS["maml"]()
    meta, stage = learner.start(made, STEPS), at(no_statistics(made), STEPS)
    for first in (0, BATCH):
        batch = tree_map(in_double, stream(first, first + BATCH))
        gradients = over_tasks(lambda task: learner.meta_gradient(made, meta, stage, task).meta, at_once=1)(batch)  # noqa: B023
        meta = {key: value - META_LR * gradients[key].mean(0) for key, value in meta.items()}
    return select(meta, WEIGHTS)


def in_double(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


def start():
    return network(parts(small).model.weights)


def test_torchmetas_batches_are_the_tasks_in_order(stream):
    batches = torchmeta_batches(stream, BATCH, first=4)
    for first in (4, 6):
        batch, tasks = next(batches), stream(first, first + BATCH)
        assert batch["train"][0].shape == (BATCH, WAYS * SHOTS, 1, 28, 28)
        assert batch["test"][1].shape == (BATCH, WAYS * QUERIES)
        for part, expected in (("train", tasks.support), ("test", tasks.query)):
            assert all(torch.equal(*pair) for pair in zip(batch[part], expected, strict=True))


def test_a_taskset_samples_one_task_after_another(stream):
    taskset = Taskset(stream, first=7)
    for index in (7, 8):
        assert all(torch.equal(*pair) for pair in zip(taskset.sample(), taskset[index], strict=True))
    assert not torch.equal(taskset.sample()[0], taskset[7][0])


@pytest.mark.parametrize("queries", [4, 7])
def test_every_second_image_is_support_and_queries_are_the_others(queries):
    support, query = torch.arange(4), 100 + torch.arange(queries)
    images, labels = interleaved((support, -support), (query, -query))
    chosen = np.zeros(4 + queries, dtype=bool)
    chosen[np.arange(4) * 2] = True  # as in learn2learn's examples
    assert torch.equal(images[chosen], support)
    assert torch.equal(images[~chosen], query)
    assert torch.equal(labels, -images)


def test_too_few_queries_to_lie_between_are_a_sentence():
    images, labels = torch.zeros(4, 1), torch.zeros(4)
    with pytest.raises(BenchError, match="at least as many queries as support images, 4; this one has 3"):
        interleaved((images, labels), (images[:3], labels[:3]))


@pytest.mark.peers
def test_torchmetas_loop_ends_where_ours_does(stream):
    """The loop of its examples/maml/train.py: batches, gradient_update_parameters, backward, a meta-optimizer."""
    update = torchmeta().utils.gradient_based.gradient_update_parameters
    model = meta_network(start())
    meta_optimizer = torch.optim.SGD(model.parameters(), lr=META_LR)
    for number, batch in enumerate(torchmeta_batches(stream, BATCH), 1):
        model.zero_grad()
        outer_loss = torch.zeros((), dtype=torch.float64)
        for x, y, test_x, test_y in zip(*batch["train"], *batch["test"], strict=True):
            params = None
            for _ in range(STEPS):
                inner_loss = F.cross_entropy(model(x.double(), params=params), y)
                params = update(model, inner_loss, params=params, step_size=LR)
            outer_loss += F.cross_entropy(model(test_x.double(), params=params), test_y)
        (outer_loss / BATCH).backward()
        meta_optimizer.step()
        if number == 2:
            break
    torch.testing.assert_close(dict(model.state_dict()), weights_after_two_meta_steps(stream), rtol=1e-10, atol=1e-10)


@pytest.mark.peers
def test_learn2learns_loop_ends_where_ours_does(stream):
    """The loop of its examples/vision/maml_omniglot.py: clone, sample, adapt on every second image, backward."""
    maml = learn2learn().algorithms.MAML(start(), lr=LR)
    meta_optimizer = torch.optim.SGD(maml.parameters(), lr=META_LR)
    taskset = Taskset(stream)
    for _ in range(2):
        meta_optimizer.zero_grad()
        for _ in range(BATCH):
            learner = maml.clone()
            data, labels = taskset.sample()
            adaptation = np.zeros(len(data), dtype=bool)
            adaptation[np.arange(SHOTS * WAYS) * 2] = True
            for _ in range(STEPS):
                learner.adapt(F.cross_entropy(learner(data[adaptation].double()), labels[adaptation]))
            F.cross_entropy(learner(data[~adaptation].double()), labels[~adaptation]).backward()
        for p in maml.parameters():
            p.grad.mul_(1 / BATCH)
        meta_optimizer.step()
    torch.testing.assert_close(
        dict(maml.module.state_dict()), weights_after_two_meta_steps(stream), rtol=1e-10, atol=1e-10
    )
