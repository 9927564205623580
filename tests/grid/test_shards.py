"""Parts of a grid: disjoint, complete, balanced, and the same for everybody."""

import random
from dataclasses import replace

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.grid.shards import parse_shard, part, shard
from tests.tiny import tiny_cell

CELL = tiny_cell({"iterations": 10, "inner_steps": 1}, ways=5, learner="maml", backbone_options=())


def seeds(count):
    return [replace(CELL, seed=seed) for seed in range(count)]


@pytest.mark.parametrize("trial", range(30))
def test_parts_are_disjoint_complete_and_balanced(trial):
    chance = random.Random(trial)
    cells, count = seeds(chance.randint(1, 40)), chance.randint(1, 12)
    costs = {cell.id: round(10 ** chance.uniform(0, 6)) for cell in cells}
    parts = [shard(cells, costs, index, count) for index in range(1, count + 1)]
    assert sorted(cell.seed for one in parts for cell in one) == list(range(len(cells)))
    loads = [sum(costs[cell.id] for cell in one) for one in parts]
    assert max(loads) - min(loads) <= max(costs.values())
    shuffled = chance.sample(cells, len(cells))
    assert [set(shard(shuffled, costs, index, count)) for index in range(1, count + 1)] == [set(one) for one in parts]
    assert all([cell.seed for cell in one] == sorted(cell.seed for cell in one) for one in parts)


def test_the_dearest_come_first():
    """In the order written, 1 1 1 and then 3 would end as 4 and 2."""
    cells = seeds(4)
    costs = {cell.id: cost for cell, cost in zip(cells, (1, 1, 1, 3), strict=True)}
    assert {tuple(cell.seed for cell in shard(cells, costs, index, 2)) for index in (1, 2)} == {(3,), (0, 1, 2)}


def test_seeds_of_a_cell_are_shared_out():
    assert [len(part(seeds(6), f"{index}/3")) for index in (1, 2, 3)] == [2, 2, 2]


def test_a_cell_of_more_meta_steps_weighs_more():
    long = replace(CELL, training=replace(CELL.training, iterations=100_000))
    assert [part([CELL, long, replace(CELL, seed=1)], f"{index}/2") for index in (1, 2)] == [
        [long],
        [CELL, replace(CELL, seed=1)],
    ]


def test_parts_of_few_cells():
    assert part(seeds(3), "") == seeds(3)
    assert part(seeds(3), "1/1") == seeds(3)
    assert part(seeds(1), "2/2") == []


def test_a_part_is_parsed():
    assert (parse_shard("3/20"), parse_shard(" 20/20 ")) == ((3, 20), (20, 20))


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "3/", "/3", "a/b", "1.0/2", "-1/3", "1/3/5", "٣/٤", "0/0"])
def test_what_is_no_part_is_told(text):
    with pytest.raises(BenchError, match=r"has to be a part and how many there are"):
        parse_shard(text)
