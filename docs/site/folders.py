"""Which folder of the package imports which, read from the files: all that docs/figures/architecture.svg is made of."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "fewshot_bench"

Graph = Mapping[str, frozenset[str]]
"""Folder -> the folders that it imports from, itself left out."""


class Folder(NamedTuple):
    """says: its docstring's first sentence; imports: folders; torch: whether one of its own files imports torch."""

    says: str
    imports: frozenset[str]
    torch: bool


def folders(package: Path = PACKAGE) -> dict[str, Folder]:
    """The folders of the package by name, in alphabetical order."""
    return {init.parent.name: _folder(init.parent) for init in sorted(package.glob("*/__init__.py"))}


def direct(graph: Graph) -> dict[str, frozenset[str]]:
    """The graph without each arrow that a longer way along others stands for (its transitive reduction)."""
    return {
        name: frozenset(one for one in below if not any(one in reached(graph, other) for other in below))
        for name, below in graph.items()
    }


def reached(graph: Graph, name: str) -> frozenset[str]:
    """All folders below one, by any way along the arrows; the graph has no circle (tests/test_structure.py)."""
    return graph[name].union(*(reached(graph, below) for below in graph[name]))


def _folder(path: Path) -> Folder:
    names = {name for file in sorted(path.rglob("*.py")) for name in _imported(file)}
    parts = [name.split(".") for name in names]
    inside = {part[1] for part in parts if part[0] == PACKAGE.name and len(part) > 1}
    says = ast.get_docstring(ast.parse((path / "__init__.py").read_text(encoding="utf-8"))) or ""
    sentence = " ".join(says.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    return Folder(sentence, frozenset(inside - {path.name}), any(part[0] == "torch" for part in parts))


def _imported(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names
