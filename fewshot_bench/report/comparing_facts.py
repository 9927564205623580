"""What differs between two runs beside their results: settings, protocol, plan, code, environment."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fewshot_bench.cells.code import recorded
from fewshot_bench.cells.reading import CellFolder
from fewshot_bench.report.comparing import Pair, settings_of
from fewshot_bench.report.groups import differing, flat, show

RECORDED = ("plan", "environment")
"""Tables of status.json: how a cell was computed, and with what."""


class Fact(NamedTuple):
    """A key that counterparts do not agree in. kind: where it stands. pairs: how many of them differ just so."""

    kind: str
    key: str
    a: str
    b: str
    pairs: int


def facts(pairs: Sequence[Pair]) -> list[Fact]:
    """Settings first, then status, protocol, code, plan, environment; in each, in order of first appearance."""
    counts = Counter(difference for pair in pairs for difference in _differences(pair))
    kinds = ("setting", "status", "protocol", "code", *RECORDED)
    return sorted((Fact(*difference, count) for difference, count in counts.items()), key=lambda f: kinds.index(f.kind))


def _differences(pair: Pair) -> Iterator[tuple[str, str, str, str]]:
    a, b = settings_of(pair.a), settings_of(pair.b)
    for key in pair.differing:
        yield "setting", key, show(a.get(key)), show(b.get(key))
    if pair.a.status != pair.b.status:
        yield "status", "status", pair.a.status, pair.b.status
    if pair.a.status == pair.b.status == "done":
        yield from _different("protocol", pair.a.fingerprint, pair.b.fingerprint)
    yield from _different("code", _code(pair.a), _code(pair.b))
    for kind in RECORDED:
        yield from _different(kind, flat(pair.a.recorded(kind)), flat(pair.b.recorded(kind)))


def _code(cell: CellFolder) -> dict[str, str]:
    """File or distribution -> hash, for the code that the cell names by import path."""
    held = recorded(cell.said)
    return {} if held is None else held.files | held.installed


def _different(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for key in differing([a, b]):
        yield kind, key, _shown(a, key), _shown(b, key)


def _shown(table: Mapping[str, Any], key: str) -> str:
    return show(table[key]) if key in table else "not recorded"
