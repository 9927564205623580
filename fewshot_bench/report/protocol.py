"""The protocol that the numbers stand for, in words: once if all rows share it, else by row."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import NO_INNER_OPTIMIZER
from fewshot_bench.cells.contents import GRID_AXES
from fewshot_bench.report.names import text_of
from fewshot_bench.report.published import META_STEPS, TASKS_PER_BATCH
from fewshot_bench.report.published_beside import in_words
from fewshot_bench.report.rows import Row


def protocol(rows: Sequence[Row]) -> tuple[str, ...]:
    """One paragraph with what all rows share, and one for each protocol that only some have.

    Of several kinds of batch norm the table has a column, and no paragraph.
    """
    done = [row for row in rows if row.n]
    if not done:
        return ()
    facts = [_facts(row) for row in done]
    if len({row.batch_norm for row in done}) > 1:
        facts = [{key: text for key, text in row.items() if key != "batch_norm"} for row in facts]
    shared = {key: text for key, text in facts[0].items() if all(other[key] == text for other in facts)}
    lines = [f"Protocol: {', '.join(shared.values())}."] if shared else []
    own = [", ".join(text for key, text in row.items() if key not in shared) for row in facts]
    if len(shared) < len(facts[0]):
        labels = _labels(done, own)
        lines += [f"Protocol of {'; '.join(labels[text])}: {text}." for text in dict.fromkeys(own)]
    return tuple(lines)


def _facts(row: Row) -> dict[str, str]:
    """The protocol of one row, a phrase a fact; the same keys for every row."""
    facts = row.group.fingerprint
    words = {key: text_of(value) for key, value in facts.items()}
    duplicates, tasks = facts.get("duplicates") or [], in_words("evaluation_tasks", facts.get("evaluation_tasks", "?"))
    return {
        "queries": in_words("queries", facts.get("queries")),
        "batch_norm": f"{words.get('batch_norm', 'unknown')} batch norm",
        "steps": _steps(row),
        "tasks": f"{tasks} (seed {words.get('evaluation_seed', '?')})",
        "ensemble": in_words("ensemble", facts.get("ensemble")),
        "rotations": _rotations(facts),
        "split": f"split {row.axes['split']} ({words.get('split_hash', 'hash unknown')})",
        "duplicates": f"duplicates tolerated: {'; '.join(map(str, duplicates)) or 'none'}",
        "budget": f"{budget(row.group.iterations)} of {_tasks(row)}{_other_tasks(row)}",
    }


def budget(iterations: int | None) -> str:
    """A number of meta-steps in words."""
    return "meta-steps not recorded" if iterations is None else counted(iterations, "meta-step")


def against_paper(rows: Sequence[Row]) -> str:
    """Whether the budget is the paper's, so that a small one is not taken for a reproduction."""
    budgets = sorted({row.group.iterations for row in rows if row.paper and row.group.iterations is not None})
    tasks = {text_of(row.group.config.get("training.tasks_per_batch")) for row in rows if row.paper}
    if budgets == [META_STEPS] and tasks == {str(TASKS_PER_BATCH)}:
        return f"The budget is the paper's: {budget(META_STEPS)} of {counted(TASKS_PER_BATCH, 'task')}."
    least = f"{budgets[0]:,} to " if budgets[1:] else ""
    here = least + counted(budgets[-1], "meta-step") if budgets else "an unknown number of meta-steps"
    sizes = " or ".join(sorted(tasks))
    theirs = f"{budget(META_STEPS)} of {counted(TASKS_PER_BATCH, 'task')}"
    return f"The paper trained for {theirs}, here {here} of {sizes}: not a reproduction of its budget."


def _tasks(row: Row) -> str:
    """How many one meta-step takes."""
    count = row.group.config.get("training.tasks_per_batch")
    return counted(count, "task") if isinstance(count, int) else f"{text_of(count)} tasks"


def _steps(row: Row) -> str:
    if row.axes["inner_optimizer"] == NO_INNER_OPTIMIZER:
        return "no inner loop"
    return in_words("inner_steps_test", row.group.fingerprint.get("inner_steps_test", "?"))


def _other_tasks(row: Row) -> str:
    """What tasks of training have that those of the test have not."""
    config, tested = row.group.config, row.group.fingerprint.get("queries")
    words = [f"{config[f'training.{key}']}-{key[:-1]}" for key in ("ways", "shots") if f"training.{key}" in config]
    queries = config.get("training.queries", tested)
    words += [in_words("queries", queries)] if queries != tested else []
    return f" ({', '.join(words)})" if words else ""


def _rotations(facts: Mapping[str, object]) -> str:
    kinds = {"train": "training classes rotated by quarter turns", "none": "no rotations"}
    rotated = kinds.get(str(facts.get("rotations")), f"rotations {text_of(facts.get('rotations'))}")
    return f"{rotated}, training images augmented ({facts['augmentation']})" if "augmentation" in facts else rotated


def _labels(rows: Sequence[Row], own: Sequence[str]) -> dict[str, list[str]]:
    """For each protocol, the rows that have it, named by the fewest columns that tell the protocols apart."""
    columns = [*GRID_AXES, "setting"]
    named = [{key: _worded(key, row.axes.get(key, row.setting)) for key in columns} for row in rows]
    for size in range(1, len(columns) + 1):
        for chosen in combinations(columns, size):
            keys = [" ".join(filter(None, (row[column] for column in chosen))) for row in named]
            if len(set(zip(keys, own, strict=True))) == len(set(keys)):
                pairs = dict.fromkeys(zip(own, keys, strict=True))
                return {text: [key for other, key in pairs if other == text] for text in own}
    return {text: ["some rows"] for text in own}


def _worded(column: str, value: object) -> str:
    return f"{value}-way" if column == "ways" else f"{value}-shot" if column == "shots" else str(value)
