"""Counts and their nouns agree, in what the helper says and in every message of the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import fewshot_bench
from fewshot_bench.basics.counting import counted, plural

PACKAGE = Path(fewshot_bench.__file__).parent

NOUNS = (
    "step", "task", "shot", "query", "cell", "seed", "class", "image", "file", "weight", "tensor", "epoch", "worker",
    "thread", "process", "row", "line", "label", "item", "pair", "test", "problem", "fault", "warning", "minute",
    "hour", "second", "configuration", "folder", "parameter", "number", "sample", "run", "way", "core", "batch",
    "result", "member", "network", "alphabet", "group", "point", "entry", "output", "checkpoint", "protocol",
)  # fmt: skip

NO_NUMBER = {"{counts} classes", "{text_of(count)} tasks"}
"""What is not one number: "64/16/20", and "default" or "?"."""


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (1, "inner step", "1 inner step"),
        (2, "inner step", "2 inner steps"),
        (0, "task", "0 tasks"),
        (1, "query", "1 query"),
        (15, "query", "15 queries"),
        (5, "class", "5 classes"),
        (3, "batch", "3 batches"),
        (3, "epoch", "3 epochs"),
        (2, "process", "2 processes"),
        (2, "way", "2 ways"),
        (1000, "test task", "1,000 test tasks"),
    ],
)
def test_a_noun_agrees_with_its_count(count: int, noun: str, words: str) -> None:
    assert counted(count, noun) == words


def written(tree: ast.AST) -> Iterator[str]:
    """Every value of an f-string that a plural follows, such as "{steps} inner steps"; without constants."""
    nouns = "|".join(map(plural, NOUNS))
    for string in ast.walk(tree):
        if isinstance(string, ast.JoinedStr):
            for value, text in zip(string.values, string.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    after = re.match(
                        rf" ((?:(?:inner|meta|more|query|support|test|training)[ -])?(?:{nouns}))\b", str(text.value)
                    )
                    whole = value.format_spec is None or ast.unparse(value.format_spec) in ("f','", "f'.0f'")
                    if after and whole and not _constant(value.value):
                        yield f"{{{ast.unparse(value.value)}}} {after[1]}"


def _constant(value: ast.expr) -> bool:
    names = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
    return all(name.isupper() for name in names)


def test_no_message_writes_a_plural_behind_a_count_by_hand() -> None:
    """Use `counted`: with a count of one, a plural is wrong."""
    found = {
        f"{path.relative_to(PACKAGE)}: {words}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for words in written(ast.parse(path.read_text(encoding="utf-8")))
        if words not in NO_NUMBER
    }
    assert found == set()


def test_the_search_finds_what_it_looks_for() -> None:
    source = 'f"{steps} inner steps, {len(all):,} cells, {MOST + 1} rows, {share:.2f} points, {a} by rows"'
    assert list(written(ast.parse(source))) == ["{steps} inner steps", "{len(all)} cells"]
