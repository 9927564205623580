"""Every preset is a grid without faults, says what its numbers come from, and its own commands do what they say."""

import re
import shlex
from dataclasses import replace

import pytest

from fewshot_bench.cells.cell import Cell
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import presets, read, with_changes
from fewshot_bench.grid.validation import network_faults
from fewshot_bench.learners import LEARNERS

NAMES = sorted(presets())


def cells(name: str, *changes: str, seeds: list[int] | None = None) -> list[Cell]:
    return expand(with_changes(read(name), changes, seeds))


@pytest.fixture(scope="module")
def all_cells() -> dict[str, list[Cell]]:
    """The cells of each preset; expanding raises where there is a fault."""
    return {name: cells(name) for name in NAMES}


def test_all_their_networks_can_be_used(all_cells):
    assert network_faults([cell for made in all_cells.values() for cell in made]) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_expands_without_a_fault_and_says_its_costs(name, all_cells):
    assert all_cells[name]
    (costs,) = re.findall(r"^# Costs: (.*)", presets()[name], re.MULTILINE)
    counted = re.match(r"(\d+) cells?(?: x (\d+) seeds)? of", costs)
    if counted:  # those of published tables say how many cells they are
        assert len(all_cells[name]) == int(counted[1]) * int(counted[2] or 1)


def test_every_learner_has_a_preset(all_cells):
    assert {cell.learner for made in all_cells.values() for cell in made} == set(LEARNERS)


COMMANDS = [
    pytest.param(name, line, id=name)
    for name in NAMES
    for line in re.findall(r"^# One cell alone: (.*)$", presets()[name], re.MULTILINE)
]


@pytest.mark.parametrize(("name", "line"), COMMANDS)
def test_the_command_for_one_cell_leaves_one(name, line):
    program, verb, preset, *rest = shlex.split(line)
    assert (program, verb, preset) == ("fewshot-bench", "run", name)
    seeds = [int(rest[rest.index("--seed") + 1])] if "--seed" in rest else None
    changes = [word for word in rest if "=" in word]
    assert len(cells(name, *changes, seeds=seeds)) == 1


RECIPES = [  # preset, (ways, shots), and of its source: test steps, rate, tasks a step, queries in training and test
    ("maml-omniglot", (5, 1), (3, 2.0, 32, 1, 1)),  # Finn et al. 2017, appendix A.1; 0.4 of a loss 5 times the mean
    ("maml-omniglot", (20, 5), (5, 2.0, 16, 5, 5)),
    ("maml-mini-imagenet", (5, 1), (10, 0.05, 4, 15, 1)),
    ("maml-mini-imagenet", (5, 5), (10, 0.05, 4, 15, 5)),
    ("maml++-original-omniglot", (20, 1), (5, 0.1, 8, 1, 1)),  # omniglot_maml++-omniglot_1_8_0.1_64_20_0.json
    ("boil-mini-imagenet", (5, 5), (1, 0.5, 4, 15, 15)),  # jhoon-oh/BOIL, main.py
    ("imaml-omniglot", (5, 5), (16, 0.1, 32, 5, 5)),  # Rajeswaran et al. 2019, section 4.2
    ("imaml-omniglot", (20, 1), (25, 0.1, 32, 1, 1)),
    ("imaml-mini-imagenet", (5, 1), (10, 0.1, 16, 15, 15)),  # hypertorch, examples/iMAML.py
    ("imaml-released-omniglot", (20, 5), (25, 0.1, 32, 5, 5)),
    ("reptile-omniglot", (5, 5), (50, 0.001, 5, 1, 1)),  # supervised-reptile, README.md
    ("reptile-omniglot", (20, 1), (50, 0.0005, 5, 1, 1)),
    ("reptile-mini-imagenet", (5, 1), (50, 0.001, 5, 1, 1)),
    ("finetune-mini-imagenet", (5, 5), (700, 0.01, 1, 1, 15)),  # CloserLookFewShot, methods/baselinefinetune.py
    ("finetune-cub", (5, 1), (200, 0.01, 1, 1, 15)),
    ("maml-cub", (5, 5), (5, 0.01, 4, 16, 15)),  # CloserLookFewShot, methods/maml.py
    ("maml-cifar-fs", (5, 1), (10, 0.05, 4, 15, 1)),  # as maml-mini-imagenet
]


@pytest.mark.parametrize(("name", "setting", "recipe"), RECIPES)
def test_it_has_the_settings_of_its_source(name, setting, recipe, all_cells):
    made = [cell for cell in all_cells[name] if (cell.ways, cell.shots) == setting]
    assert made
    for cell in made:
        rate = dict(cell.inner_optimizer_options).get("lr", 0.1)
        training = cell.training
        assert (cell.test_steps, rate, training.tasks_per_batch, training.queries, cell.test_queries) == recipe


def test_learners_trained_on_other_tasks_than_they_are_tested_on_have_those_of_their_papers(all_cells):
    def kinds(name: str) -> set[tuple[int, int, int, int]]:
        return {(cell.ways, cell.shots, cell.train_ways, cell.train_shots) for cell in all_cells[name]}

    assert kinds("protonet-mini-imagenet") == {(5, 1, 30, 1), (5, 5, 20, 5)}  # Snell et al. 2017, section 3.2
    assert kinds("protonet-omniglot") == {(5, 1, 60, 1), (5, 5, 60, 5), (20, 1, 60, 1), (20, 5, 60, 5)}
    assert kinds("reptile-omniglot") == {
        (5, 1, 5, 10),
        (5, 5, 5, 10),
        (20, 1, 20, 10),
        (20, 5, 20, 10),
    }  # --train-shots
    assert kinds("protonet-cifar-fs") == kinds("protonet-fc100") == kinds("protonet-mini-imagenet")
    assert kinds("finetune-cub") == kinds("finetune-mini-imagenet") == {(5, 1, 8, 1), (5, 5, 8, 1)}


def test_maml_plus_plus_is_there_as_it_ran_and_as_it_was_written(all_cells):
    """mini-imagenet_maml++-mini-imagenet_*_2_0.01_48_5_*.json, and the default of utils/parser_utils.py."""
    made = all_cells["maml++-original-mini-imagenet"]
    ran, written = ([cell for cell in made if dict(cell.inner_optimizer_options) == lr] for lr in ({}, {"lr": 0.01}))
    assert [replace(cell, inner_optimizer_options=()) for cell in written] == ran
    assert len(ran) == len(made) / 2
    assert {(c.training.tasks_per_batch, c.training.queries, c.test_queries, c.test_steps) for c in made} == {
        (2, 15, 15, 5)
    }


def without_seed(made: list[Cell]) -> set[Cell]:
    return {replace(cell, seed=0) for cell in made}


@pytest.mark.parametrize("dataset", ["omniglot", "mini-imagenet"])
def test_maml_beside_anil_is_that_of_mamls_own_preset(dataset, all_cells):
    """anil-*.toml: "this is maml-*", at 20-way on Omniglot."""
    own = without_seed([cell for cell in all_cells[f"maml-{dataset}"] if cell.learner == "maml"])
    beside = without_seed([cell for cell in all_cells[f"anil-{dataset}"] if cell.learner == "maml"])
    assert beside == {cell for cell in own if cell.ways == (20 if dataset == "omniglot" else 5)}


@pytest.mark.parametrize("dataset", ["omniglot", "mini-imagenet"])
def test_meta_sgd_has_from_maml_what_its_paper_does_not_say(dataset, all_cells):
    """meta-sgd-*.toml: one step, norms that adapt and the start of the rates are its own, all else is as in maml-*."""

    def shared(cell: Cell) -> Cell:
        options = tuple(option for option in cell.learner_options if option[0] != "adapt_norms")
        return replace(
            cell,
            learner="",
            learner_options=options,
            inner_optimizer_options=(),
            training=replace(cell.training, inner_steps=1),
            evaluation=replace(cell.evaluation, inner_steps=None),
        )

    mamls = {shared(cell) for cell in all_cells[f"maml-{dataset}"] if cell.learner == "maml" and cell.ways == 5}
    assert {shared(cell) for cell in all_cells[f"meta-sgd-{dataset}"]} == mamls
    assert {cell.test_steps for cell in all_cells[f"meta-sgd-{dataset}"]} == {1}


def test_the_small_grid_on_omniglot_is_the_papers_but_for_its_ensemble_and_budget(all_cells):
    """omniglot-cpu.toml says so."""
    (paper,) = {cell.evaluation for cell in all_cells["gimli-omniglot"]}
    trained = [cell for cell in all_cells["omniglot-cpu"] if cell.training.iterations]
    assert {cell.evaluation for cell in trained} == {replace(paper, ensemble=1)}
    assert {
        (cell.training.iterations, cell.learner_options, cell.test_queries, cell.test_steps) for cell in trained
    } == {(300, (), 1, 5)}


def test_boil_is_tested_on_as_many_tasks_as_its_table(all_cells):
    """HJ-Yoo/BOIL, README.md: 5 x 1000 tasks; main.py has 2,500 batches of 4."""
    assert {(cell.evaluation.tasks, cell.seed) for cell in all_cells["boil-mini-imagenet"]} == {
        (1000, seed) for seed in range(5)
    }


def test_batches_of_reptile_are_those_of_its_commands(all_cells):
    def batches(name: str) -> dict[tuple[int, int], tuple[int, int]]:
        options = {(cell.ways, cell.shots): dict(cell.learner_options) for cell in all_cells[name]}
        return {key: (found.get("inner_batch", 10), found.get("eval_batch", 5)) for key, found in options.items()}

    assert batches("reptile-omniglot") == {(5, 1): (10, 5), (5, 5): (10, 5), (20, 1): (20, 10), (20, 5): (20, 10)}
    assert batches("reptile-mini-imagenet") == {(5, 1): (10, 5), (5, 5): (10, 15)}
