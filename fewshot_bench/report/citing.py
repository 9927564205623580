"""What to cite for a run: BibTeX of the datasets, learners, networks and rules that its cells name, with reasons."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from fewshot_bench.basics.about import datasets, learners
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.cells.cell import OPTIONS
from fewshot_bench.cells.reading import CellFolder

KINDS = ("dataset", "split", "learner", "backbone", "inner_optimizer", "option")
"""Tables of `citations` whose entries are names; "split" has "<dataset>:<split>"."""

VERSIONS = {"fewshot_bench": "fewshot-bench", "ansel2024": "torch"}
"""Key -> what status.json calls the software whose version is told with it."""

Reasons = dict[str, dict[str, None]]
"""Key -> sentences why it is cited, in order; a dict for its order and uniqueness."""


@cache
def references() -> Mapping[str, str]:
    """Key -> its entry in references.bib."""
    text = files("fewshot_bench.report").joinpath("references.bib").read_text(encoding="utf-8")
    entries = [entry.strip() for entry in re.split(r"\n(?=@)", text)]
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in entries}


@cache
def citations() -> Mapping[str, Any]:
    """citations.toml, and for learners and datasets what their files say."""
    text = files("fewshot_bench.report").joinpath("citations.toml").read_text(encoding="utf-8")
    splits = {f"{name}:{split}": cite for name, about in datasets().items() for split, cite in about["splits"].items()}
    return tomllib.loads(text) | {
        "learner": {name: about["cite"] for name, about in learners().items()},
        "dataset": {name: about["cite"] for name, about in datasets().items()},
        "split": splits,
    }


def bibtex(cells: Sequence[CellFolder]) -> str:
    """A file for \\bibliography: each entry with the reasons above it, in comments; names it does not know at the end.

    Raises BenchError if no cell has a configuration.
    """
    readable = [cell for cell in cells if cell.config]
    if not readable:
        raise BenchError("no cell has a configuration that can be read, so nothing is known to be cited.")
    reasons, unknown = reasons_of(readable)
    blocks = []
    for key in sorted(reasons):
        versions = _versions(key, readable)
        lines = [*reasons[key], *([f"Version {', '.join(versions)}."] if versions else [])]
        blocks.append("\n".join([*(f"% {key}: {line}" for line in lines), references()[key]]))
    lacking = [f"% {name} is not the package's own: cite where it is from yourself." for name in unknown]
    return "\n\n".join([*blocks, *(["\n".join(lacking)] if lacking else [])]) + "\n"


def reasons_of(cells: Sequence[CellFolder]) -> tuple[Reasons, list[str]]:
    """Why each key is cited for these cells, and the names that `citations` does not have."""
    used = dict.fromkeys(name for cell in cells for name in _used(cell))
    reasons: Reasons = {key: {f"{why}.": None} for key, why in citations()["always"].items()}
    unknown = []
    for kind, name in used:
        found = citations()[kind].get(name)
        if found is None:
            unknown += [f"{kind.replace('_', ' ')} {name}"] if kind != "option" else []
            continue
        for key, why in found.items():
            reasons.setdefault(key, {})[f"{kind.replace('_', ' ')} {name}: {why}."] = None
    return reasons, unknown


def _used(cell: CellFolder) -> Iterator[tuple[str, str]]:
    """(kind, name) of what a cell names, as `citations` calls it."""
    config = cell.config
    other = config.get("evaluation", {})
    if other.get("dataset"):
        yield "dataset", str(other["dataset"])
        yield "split", f"{other['dataset']}:{other.get('split')}"
    for kind in KINDS[:-1]:
        yield kind, f"{config['dataset']}:{config['split']}" if kind == "split" else str(config[kind])
    for table in OPTIONS:
        for key, value in config.get(table, {}).items():
            shown = value if isinstance(value, str) else json.dumps(value, default=str)
            yield "option", f"{table}.{key}={shown}"
            yield "option", f"{table}.{key}"


def _versions(key: str, cells: Sequence[CellFolder]) -> list[str]:
    """The versions that cells were computed with, if `key` stands for software."""
    if key not in VERSIONS:
        return []
    found = {str(cell.recorded("environment").get(VERSIONS[key], "")) for cell in cells}
    return sorted(found - {""})
