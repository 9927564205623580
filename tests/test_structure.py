"""The house stands: imports run downwards only, and what a command loads is what it needs."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fewshot_bench"

FLOORS = {
    "basics": (),
    "cells": ("basics",),
    "inner_optimizers": ("basics",),
    "hypergradients": ("inner_optimizers", "basics"),
    "backbones": ("basics",),
    "learners": ("hypergradients", "inner_optimizers", "backbones", "basics"),
    "data": ("cells", "basics"),
    "training": ("learners", "hypergradients", "inner_optimizers", "backbones", "data", "cells", "basics"),
    "peers": ("training", "learners", "hypergradients", "inner_optimizers", "backbones", "data", "cells", "basics"),
    "grid": ("training", "learners", "hypergradients", "inner_optimizers", "backbones", "data", "cells", "basics"),
    "conformance": (
        "grid",
        "training",
        "learners",
        "hypergradients",
        "inner_optimizers",
        "backbones",
        "data",
        "cells",
        "basics",
    ),
    "report": (
        "cells",
        "basics",
    ),
    "audit": ("report", "peers", "learners", "hypergradients", "inner_optimizers", "backbones", "cells", "basics"),
    "illustrations": ("report", "cells", "basics"),
    "api": (
        "report",
        "grid",
        "training",
        "learners",
        "hypergradients",
        "inner_optimizers",
        "backbones",
        "data",
        "cells",
        "basics",
    ),
    "cli": (
        "api",
        "audit",
        "conformance",
        "illustrations",
        "grid",
        "report",
        "peers",
        "training",
        "data",
        "cells",
        "basics",
    ),
}
"""Folder -> the folders it may import from. None imports one above it, and nothing imports the command line."""

NO_TORCH = ("basics", "cells", "data", "report")


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names.add(node.module or "")
    return names


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_folder_has_a_floor():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == set(FLOORS)


@pytest.mark.parametrize("path", [path for path in files() if path.parent != PACKAGE], ids=lambda p: p.stem)
def test_imports_run_down(path):
    floor = path.relative_to(PACKAGE).parts[0]
    allowed = {floor, *FLOORS[floor]}
    used = {name.split(".")[1] for name in imported(path) if name.startswith("fewshot_bench.")}
    assert used <= allowed, f"{path.name} is on the floor {floor!r} and imports from {sorted(used - allowed)}"


@pytest.mark.parametrize(
    "path", [p for p in files() if p.relative_to(PACKAGE).parts[0] in NO_TORCH], ids=lambda p: p.stem
)
def test_data_and_report_do_without_torch(path):
    assert not {name for name in imported(path) if name.split(".")[0] == "torch"}


def test_modules_form_no_circle():
    """Between files too, not only between folders."""
    modules = {".".join(("fewshot_bench", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in files()}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: imported(path) & set(modules) for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in done:
            for below in sorted(graph[name] - {name}):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


PRIVATE_TORCH = {
    "training/programs/torch_internals.py": None,  # all that there are, each with its reason
    "hypergradients/batching.py": {"torch.utils._pytree"},
    "backbones/functional.py": {"torch._weight_norm"},  # what torch.nn.utils.weight_norm calls, as the key of a table
}
"""Files that may use what torch does not promise -> those names; None: any."""

_PRIVATE = re.compile(r"torch(\.\w+)*\.(_[A-Za-z]\w*|experimental)(\.\w+)*|\._(schema|overloadpacket|cdata)\b")


@pytest.mark.parametrize("path", files(), ids=lambda p: p.stem)
def test_private_interfaces_of_torch_are_behind_one_file(path):
    """Names with an underscore, or experimental by name, in code: texts are left out."""
    code = ast.unparse(_WithoutTexts().visit(ast.parse(path.read_text(encoding="utf-8"))))
    found = {one.group(0) for one in _PRIVATE.finditer(code)}
    allowed = PRIVATE_TORCH.get(str(path.relative_to(PACKAGE)), set())
    assert allowed is None or found <= allowed


class _WithoutTexts(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node
