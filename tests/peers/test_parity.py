"""Adapted predictions and meta-gradients against learn2learn, torchmeta, higher and torchopt: same tensors, float64."""

import pytest
import torch

from fewshot_bench.learners import LEARNERS
from tests.learners.networks import at, no_statistics, one, parts, small, tasks
from tests.peers import by_higher, by_learn2learn, by_torchmeta, by_torchopt
from tests.peers.questions import LR, STEPS, Question, network

PEERS = {"learn2learn": by_learn2learn, "torchmeta": by_torchmeta, "higher": by_higher, "torchopt": by_torchopt}

OURS = {
    "maml": ("maml", {}, "sgd"),
    "maml with adam": ("maml", {}, "adam"),
    "fomaml": ("fomaml", {}, "sgd"),
    "anil": ("anil", {}, "sgd"),
    "meta-sgd": ("meta-sgd", {}, "sgd"),
    "imaml": ("imaml", {}, "sgd"),
    "imaml by neumann": ("imaml", {"solver": "neumann"}, "sgd"),
}
"""What a peer is asked -> the same here: learner, its options, inner optimizer."""

CASES = [
    pytest.param(
        peer, what, id=f"{peer}: {what}", marks=[pytest.mark.peers] if peer in ("learn2learn", "torchmeta") else []
    )
    for peer, module in PEERS.items()
    for what in module.ANSWERS
]


@pytest.mark.parametrize(("peer", "what"), CASES)
def test_parity(peer, what):
    name, options, rule = OURS[what]
    made, task = parts(small, rule, lr=LR), one(tasks(shots=2))
    learner, stage = LEARNERS[name](**options), at(no_statistics(made), STEPS)
    meta = learner.start(made, STEPS) | some_rates(learner.start(made, STEPS))
    ours = learner.meta_gradient(made, meta, stage, task).meta
    predicted = learner.predict(made, meta, stage, task, "transductive")

    rates = {key.removeprefix("lr/"): value for key, value in meta.items() if key.startswith("lr/")}
    theirs = PEERS[peer].ANSWERS[what](Question(network(made.model.weights), rates, task))
    torch.testing.assert_close(predicted, theirs.logits, rtol=1e-10, atol=1e-10)
    assert set(ours) == set(theirs.gradient)
    for key, expected in theirs.gradient.items():
        torch.testing.assert_close(ours[key], expected, rtol=1e-10, atol=1e-10, msg=key)


def some_rates(meta):
    """Rates for each weight, of either sign, in place of the equal ones that Meta-SGD starts from."""
    generator = torch.Generator().manual_seed(2)
    return {
        key: LR * torch.randn(value.shape, dtype=value.dtype, generator=generator)
        for key, value in meta.items()
        if key.startswith("lr/")
    }
