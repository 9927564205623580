"""Checks of the content of a cell's config.toml and result.json, and the names that occur in both."""

import math
from collections.abc import Mapping
from typing import Any

from fewshot_bench.cells.cell import AXES, DEFAULTS, content_hash

GRID_AXES = ("learner", *(axis for axis in AXES if axis not in ("learner", "seed")))
"""The axes of a grid without the seed, in the order of tables: the learner first."""

OTHER_TESTS = {f"test_{batch_norm}": batch_norm for batch_norm in ("transductive", "inductive")}
"""Keys of result.json for a second test of the same network -> the batch norm of that test."""

_TYPES = {"ways": int, "shots": int, "seed": int}
_TESTED = ("test_accuracy", "test_ci95")


def wrong_config(config: Mapping[str, Any], folder: str) -> str:
    """Why a configuration does not belong to the cell named `folder`; empty if it does."""
    if not config:
        return "config.toml is missing"
    for key in (*GRID_AXES, "seed"):
        kind = _TYPES.get(key, str)
        if type(config.get(key)) is not kind:
            return f"config.toml: `{key}` is {config.get(key)!r}, not {'a whole number' if kind is int else 'a name'}"
    defaults = config.get(DEFAULTS, {})
    for key, table in (("training", config), ("evaluation", config), (DEFAULTS, config), ("training", defaults)):
        if not isinstance(table.get(key, {}), dict):
            return f"config.toml: `{key}` is {table[key]!r}, not a table"
    try:
        digest = content_hash(config)
    except TypeError:
        return "config.toml holds what no grid can hold, a date say"
    if not folder.endswith(f"-{digest}"):
        return f"config.toml was changed, or its folder renamed: what it says has the hash {digest}"
    return ""


def wrong_result(result: Mapping[str, Any], folder: str) -> str:
    """Why a result does not belong to the cell named `folder`; empty if it does."""
    if not result:
        return "result.json is missing"
    fingerprint = result.get("fingerprint")
    errors = isinstance(fingerprint, dict) and is_regression(fingerprint)
    is_score, is_width = (_is_minus_error, _is_width) if errors else (_is_fraction, _is_fraction)
    kinds = {"test_accuracy": is_score, "test_ci95": is_width, "val_accuracy": is_score}
    for key, fits in kinds.items():
        if not fits(result.get(key)):
            what = "minus a squared error" if errors else "a fraction"
            return f"result.json: `{key}` is {result.get(key)!r}, not {what}"
    for key in OTHER_TESTS:
        other = result.get(key, {"test_accuracy": 0, "test_ci95": 0})
        if not isinstance(other, dict) or not all(kinds[name](other.get(name)) for name in _TESTED):
            return f"result.json: `{key}` holds no fractions"
    if not isinstance(fingerprint, dict) or not isinstance(fingerprint.get("duplicates", []), list):
        return "result.json has no fingerprint"
    return "" if result.get("cell") == folder else f"result.json is that of {result.get('cell')}"


def is_regression(fingerprint: Mapping[str, Any]) -> bool:
    """Whether results of this protocol are minus mean squared errors in place of accuracies."""
    return fingerprint.get("loss") == "squared-error"


def score_text(score: float) -> str:
    """A score for a person: an accuracy in percent, or the mean squared error, whose score is negative."""
    return f"{100 * score:.1f} %" if score >= 0 else f"MSE {-score:.3g}"


def _is_minus_error(value: object) -> bool:
    real = number(value)
    return real is not None and real <= 0


def _is_width(value: object) -> bool:
    real = number(value)
    return real is not None and real >= 0


def _is_fraction(value: object) -> bool:
    real = number(value)
    return real is not None and 0 <= real <= 1


def number(value: object) -> float | None:
    """`value` if it is a finite number, else None."""
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if real else None  # type: ignore[arg-type]


def whole(value: object) -> int | None:
    """`value` as a whole number of at most 64 bits, else None."""
    real = number(value)
    return None if real is None or abs(real) >= 2**63 else int(real)
