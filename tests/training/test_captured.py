"""A recorded program without a GPU: a stand-in records operations as a CUDA graph does, by the memory they work on.

And with one, where the machine has it: the same numbers as the program that is recorded.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import vmap
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import apply_gradient, batch, begin, meta_step, stage
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs.program import WARM_UP, captured, eager
from fewshot_bench.training.programs.traced import traced, traced_graph
from tests.tiny import SMALL, tiny_cell

CELL = tiny_cell(
    {"iterations": 30, "iterations_per_epoch": 3, "tasks_per_batch": 3, "inner_steps": 1},
    backbone=SMALL,
    inner_optimizer="adam",
)


class Recorder(TorchDispatchMode):
    """What is called while it is on, with the very tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, made))
        return made


class Graph:
    """Carries out what was recorded once more, from the same memory into the same memory."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def replay(self) -> None:
        for func, args, kwargs, made in self.recorder.calls:
            again = func(*args, **kwargs)
            for place, value in zip(tree_leaves(made), tree_leaves(again), strict=True):
                if isinstance(place, Tensor):
                    place.copy_(value)


class Stream:
    def wait_stream(self, other: "Stream") -> None:
        pass


@pytest.fixture
def no_gpu(monkeypatch):
    """torch.cuda as far as a recording goes."""

    @contextmanager
    def recording(graph):
        with graph.recorder:
            yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


def difference(shared, task):
    return {"a": shared["a"] - shared["b"] + task["x"].sum(), "x": (task["x"] * shared["b"]).sin()}


def inputs(count: int, a: float = 1.0, b: float = 3.0):
    numbers = torch.randn(count, 4, generator=torch.Generator().manual_seed(count))
    return {"a": torch.tensor(a), "b": torch.tensor(b)}, {"x": numbers}


def counted(program):
    calls = []

    def run(*given):
        calls.append(1)
        return program(*given)

    return run, calls


def test_one_recording_serves_all_inputs_of_its_shapes(no_gpu):
    program, calls = counted(eager(difference, 8))
    run = captured(program)
    for a, b in ((1.0, 3.0), (2.0, -1.0), (0.5, 0.0)):
        found, expected = run(*inputs(5, a, b)), eager(difference, 8)(*inputs(5, a, b))
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert len(calls) == WARM_UP + 1
    run(*inputs(4))
    assert len(calls) == 2 * (WARM_UP + 1)
    run(*inputs(5))
    assert len(calls) == 2 * (WARM_UP + 1)


def test_results_lie_where_the_next_come(no_gpu):
    run = captured(eager(difference, 8))
    first = run(*inputs(5))["a"]
    before = first.clone()
    second = run(*inputs(5, a=9.0))["a"]
    assert first.data_ptr() == second.data_ptr()
    assert not torch.equal(first, before)


def test_what_is_given_stays_as_it_is_and_is_not_held(no_gpu):
    run, given = captured(eager(difference, 8)), inputs(5)
    run(*given)
    before = tree_map(torch.clone, given)
    expected = run(*given)["a"].clone()
    run(*inputs(5, a=7.0))
    assert all(torch.equal(x, y) for x, y in zip(tree_leaves(given), tree_leaves(before), strict=True))
    assert torch.equal(run(*given)["a"], expected)


def test_one_tensor_in_two_places_is_two_inputs(no_gpu):
    run, zero = captured(eager(difference, 8)), torch.tensor(0.0)
    shared, tasks = inputs(5)
    run({"a": zero, "b": zero}, tasks)
    assert torch.equal(run(shared, tasks)["a"], eager(difference, 8)(shared, tasks)["a"])


def test_names_may_come_in_another_order(no_gpu):
    run, (shared, tasks) = captured(eager(difference, 8)), inputs(5)
    found = run(shared, tasks)["a"].clone()
    assert torch.equal(run(dict(reversed(shared.items())), tasks)["a"], found)


@pytest.mark.parametrize(
    ("learner", "options"),
    [("maml++", ()), ("reptile", (("carry_state", True),)), ("tests.learners.test_batch_gradient:sharp_maml", ())],
)
def test_a_cell_trains_by_recordings_as_it_does_traced(no_gpu, pattern_pool, learner, options):
    """Two seeds side by side: counts of meta-steps, which are numbers of the host, are inputs as all others; and each
    task of a learner with memory has results of its own.
    """
    trained = {}
    cell = replace(CELL, learner=learner, learner_options=options)
    for program in ("traced", "graph"):
        plan = Plan("cpu", 1, 3, program, replicas=2)
        packed = [assemble(replace(cell, seed=seed), pattern_pool, plan) for seed in (0, 1)]
        states = [begin(one.learner, one.parts, 1, "cpu") for one in packed]
        find = gradients(packed[0])
        for _ in range(3):
            found = find(states, [batch(one, state.iteration) for one, state in zip(packed, states, strict=True)])
            for one, state, gradient in zip(packed, states, found, strict=True):
                apply_gradient(one, state, gradient)
        trained[program] = [state.meta for state in states]
    for traced_meta, recorded_meta in zip(*trained.values(), strict=True):
        for name, value in traced_meta.items():
            torch.testing.assert_close(recorded_meta[name], value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("learner", "rule"), [("maml++", "adam"), ("imaml", "sgd"), ("reptile", "adam"), ("protonet", "none")]
)
def test_a_program_on_a_device_takes_nothing_from_the_host_but_constants(pattern_pool, learner, rule):
    """Tensors of the device "meta" have a shape and no numbers; what meets them there is on the host, and is seen."""
    cell = replace(CELL, learner=learner, inner_optimizer=rule)
    assembly = assemble(cell, pattern_pool, Plan("cpu", 1, 3, "traced"))
    state, tasks = begin(assembly.learner, assembly.parts, 1, "cpu"), batch(assembly, 0)
    now = stage(state, 1, 10)
    away = tree_map(lambda leaf: leaf.to("meta"), (state.meta, now.outer, now.memory, tasks))
    weights = {name: weight.to("meta") for name, weight in assembly.parts.model.weights.items()}
    parts = assembly.parts._replace(model=assembly.parts.model._replace(weights=weights))
    leaves, tree = tree_flatten(away)

    def of_all(*leaves):
        meta, outer, memory, tasks = tree_unflatten(leaves, tree)
        at = now._replace(outer=outer, memory=memory)
        return tree_leaves(vmap(lambda task: assembly.learner.meta_gradient(parts, meta, at, task))(tasks))

    graph = traced_graph(of_all, leaves).graph
    values = {
        node: [leaf for leaf in tree_leaves(node.meta.get("val")) if isinstance(leaf, Tensor)] for node in graph.nodes
    }
    at_home = [node for node, found in values.items() if any(leaf.device.type != "meta" for leaf in found)]
    assert all(node.op == "call_function" and not node.all_input_nodes for node in at_home)
    assert len(at_home) < len(graph.nodes) / 50


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_gpu_gives_the_numbers_of_the_program_that_is_recorded(pattern_pool):
    """In float32, of which convolutions on a GPU keep more or fewer digits by their algorithm."""
    losses = {}
    for program in ("eager", "traced", "graph"):
        assembly = assemble(CELL, pattern_pool, Plan("cuda", 1, 3, program))
        state, find = begin(assembly.learner, assembly.parts, 1, "cuda"), gradients(assembly)
        losses[program] = [meta_step(assembly, find, state)["loss"] for _ in range(4)]
    assert losses["graph"] == pytest.approx(losses["traced"], rel=1e-4)
    assert losses["graph"] == pytest.approx(losses["eager"], rel=1e-3)
    run = captured(traced(difference, 8, 1))
    given = tree_map(lambda leaf: leaf.cuda(), inputs(5))
    assert torch.allclose(run(*given)["a"], eager(difference, 8)(*given)["a"])
