"""A program gives the same numbers whichever way it runs: as written, traced, on threads, for several seeds at once."""

from dataclasses import replace

import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map

from fewshot_bench.basics import memory
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import apply_gradient, batch, begin, meta_step
from fewshot_bench.training.plan import Plan
from fewshot_bench.training.programs import traced as traced_module
from fewshot_bench.training.programs.interpreted import interpreted, summary
from fewshot_bench.training.programs.program import eager
from fewshot_bench.training.programs.torch_internals import InterpreterGraph
from fewshot_bench.training.programs.traced import needed_bytes, traced, traced_graph
from tests.tiny import SMALL, tiny_cell
from tests.training.in_float64 import in_float64

EAGER = Plan("cpu", 1, 1)
CELL = tiny_cell(
    {"iterations": 30, "iterations_per_epoch": 3, "tasks_per_batch": 3}, backbone=SMALL, inner_optimizer="adam"
)


def cubes(shared, task):
    return {"sum": (shared * task["x"] ** 3).sum(), "x": task["x"].sin()}


def inputs(count: int):
    return torch.tensor(2.0), {"x": torch.randn(count, 4, generator=torch.Generator().manual_seed(0))}


@pytest.mark.parametrize("at_once", [1, 2, 3, 8])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_traced_program_is_the_eager_one_bit_for_bit(at_once, workers):
    shared, tasks = inputs(7)
    expected = eager(cubes, at_once)(shared, tasks)
    program = traced(cubes, at_once, workers)
    for _ in range(2):  # written down, then replayed
        found = program(shared, tasks)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    again = program(shared + 1, inputs(3)[1])  # other numbers, and other shapes
    assert torch.equal(again["sum"], eager(cubes, at_once)(shared + 1, inputs(3)[1])["sum"])


def test_no_more_is_taken_than_there_is(monkeypatch):
    monkeypatch.setattr(traced_module, "available_bytes", lambda: 8)
    with pytest.raises(memory.NoRoomError, match=r"needs 0\.0 GiB .* are free.*recompute=true"):
        traced(cubes, 1, 1)(*inputs(100))


def test_the_footprint_of_operations_is_what_is_alive_at_one_time():
    def two_of_a_thousand(x):
        y = x + 1  # 4,000 bytes
        z = y * 2  # beside y
        del y
        return [z.view(10, 100).sum()]  # y is gone; a view takes nothing

    def three_of_a_thousand(x):
        y = x + 1
        z = y * 2
        return [(y + z).sum()]

    x = torch.ones(1000)
    assert needed_bytes(traced_graph(two_of_a_thousand, [x])) == 8000
    assert needed_bytes(traced_graph(three_of_a_thousand, [x])) == 12000


def after(assembly, steps):
    """The meta-parameters after meta-steps, and the losses."""
    state = begin(assembly.learner, assembly.parts, assembly.cell.training.inner_steps, "cpu")
    find = gradients(assembly)
    return [meta_step(assembly, find, state)["loss"] for _ in range(steps)], state.meta


@pytest.fixture(scope="module", params=["maml++", "reptile"])
def as_written(request, pattern_pool):
    """A cell, and what five meta-steps give as they are written."""
    options = (("msl_epochs", 1),) if request.param == "maml++" else (("carry_state", True),)
    cell = replace(CELL, learner=request.param, learner_options=options)
    return cell, *after(in_float64(assemble(cell, pattern_pool, EAGER)), 5)


@pytest.mark.parametrize(
    "plan",
    [
        Plan("cpu", 1, 1, "traced", 1),
        Plan("cpu", 1, 1, "traced", 2),
        Plan("cpu", 1, 2, "traced", 2),
        Plan("cpu", 1, 1, "traced", 1, recompute=True),
        Plan("cpu", 1, 1, recompute=True),
    ],
)
def test_every_plan_trains_alike(pattern_pool, as_written, plan):
    """Over an epoch's end, where the weights of the multi-step loss change and so the program does."""
    cell, losses, meta = as_written
    found, also = after(in_float64(assemble(cell, pattern_pool, plan)), 5)
    assert found == pytest.approx(losses, rel=1e-9)
    for name, value in meta.items():
        torch.testing.assert_close(also[name], value, rtol=1e-7, atol=1e-9)


def test_workers_change_no_bit(pattern_pool):
    one, three = (after(assemble(CELL, pattern_pool, Plan("cpu", 1, 1, "traced", n)), 4) for n in (1, 3))
    assert one[0] == three[0]
    assert all(torch.equal(value, three[1][name]) for name, value in one[1].items())


@pytest.mark.parametrize(
    ("program", "learner", "rule"),
    [
        ("traced", "maml++", "sgd"),
        ("eager", "maml++", "adam"),
        ("eager", "imaml", "sgd"),
        ("eager", "reptile", "adam"),
    ],
)
def test_replicas_train_as_each_would_alone(pattern_pool, program, learner, rule):
    """Three seeds side by side, 8 meta-steps: each equal to its own run to 1e-10 in float64."""
    training = replace(CELL.training, iterations_per_epoch=30)
    cells = [replace(CELL, seed=seed, learner=learner, inner_optimizer=rule, training=training) for seed in range(3)]
    plan = Plan("cpu", 1, 3, program, replicas=3)
    packed = [in_float64(assemble(cell, pattern_pool, plan)) for cell in cells]
    states = [begin(one.learner, one.parts, 2, "cpu") for one in packed]
    find = gradients(packed[0])
    for _ in range(8):
        found = find(states, [batch(one, state.iteration) for one, state in zip(packed, states, strict=True)])
        for one, state, gradient in zip(packed, states, found, strict=True):
            apply_gradient(one, state, gradient)
    for cell, state in zip(cells, states, strict=True):
        _, meta = after(in_float64(assemble(cell, pattern_pool, plan)), 8)
        for name, value in meta.items():
            torch.testing.assert_close(state.meta[name], value, rtol=1e-10, atol=1e-10)
    assert not torch.equal(*(tree_leaves(state.meta)[0] for state in states[:2]))


def test_a_chunk_too_small_is_a_program_of_its_own():
    shared, tasks = inputs(5)
    found = traced(cubes, 4, 1)(shared, tasks)
    assert torch.equal(found["x"], tree_map(torch.sin, tasks["x"]))


def test_names_may_come_in_another_order():
    def difference(shared, task):
        return shared["a"] - shared["b"] + task["x"].sum()

    a, b, tasks = torch.tensor(1.0), torch.tensor(3.0), inputs(2)[1]
    program = traced(difference, 1, 1)
    assert torch.equal(program({"a": a, "b": b}, tasks), program({"b": b, "a": a}, tasks))


def test_one_tensor_in_two_places_is_two_inputs():
    def difference(shared, task):
        return shared["a"] - 2 * shared["b"] + task["x"].sum()

    zero, tasks = torch.tensor(0.0), inputs(2)[1]
    program = traced(difference, 1, 1)
    program({"a": zero, "b": zero}, tasks)
    other = {"a": torch.tensor(1.0), "b": torch.tensor(3.0)}
    assert torch.equal(program(other, tasks), eager(difference, 1)(other, tasks))


def test_replays_need_no_python():
    """Every kind of argument that operations have."""

    def varied(x):
        y = torch.nn.functional.pad(x, (1, 1), value=0.5).to(torch.float64).contiguous()
        low, high = y.split([2, 4])
        z = torch.zeros(4, dtype=torch.float64) + high.argmax() + low.clamp(min=0.1).sum(0, keepdim=True)
        return [z, torch.cat([low, high]).to(torch.bfloat16), torch.arange(3), x[..., None] * 2]

    x = torch.randn(4, generator=torch.Generator().manual_seed(0))
    graph = traced_graph(varied, [x])
    run = interpreted(graph)
    for found, expected in zip(run(x + 1), varied(x + 1), strict=True):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


def test_the_interpreter_is_used_and_that_is_noted():
    notes = []
    shared, tasks = inputs(5)
    program = traced(cubes, 2, 1, notes.append)
    for _ in range(2):
        program(shared, tasks)
    assert notes == ["used", "used"]  # once for chunks of two, once for the last of one
    assert summary(notes) == "used"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("no list", "RuntimeError: a new torch"),
        ("no run", "ValueError: of this operation it knows nothing"),
        ("other bits", "its results are not those of Python, bit for bit"),
    ],
)
def test_without_the_interpreter_python_goes_on_and_says_why(monkeypatch, workers, fault, reason):
    """Whatever the interpreter does wrong, the results are the same."""

    def function(self, outputs):
        def run(*tensors):
            if fault == "no run":
                raise ValueError("of this operation it knows nothing")
            return [torch.full_like(tensors[1], 7.0), tensors[1]]

        if fault == "no list":
            raise RuntimeError("a new torch\nhas another interface")
        return run

    monkeypatch.setattr(InterpreterGraph, "function", function)
    notes = []
    shared, tasks = inputs(6)
    program, expected = traced(cubes, 2, workers, notes.append), eager(cubes, 2)(shared, tasks)
    for _ in range(2):
        found = program(shared, tasks)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert notes == [reason]
    assert summary(["used", *notes, "another"]) == reason


def test_what_the_interpreter_cannot_take_is_raised():
    graph = traced_graph(lambda x: [x + 1], [torch.ones(2)])
    node = next(node for node in graph.graph.nodes if node.op == "call_function")
    node.target = torch.nn.functional.relu  # a function of Python
    with pytest.raises(AttributeError, match="_schema"):
        interpreted(graph)
