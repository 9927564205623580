"""`fewshot-bench new`: writes a file to start from, and its test."""

import importlib.util
import keyword
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tyro

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.files import write_text
from fewshot_bench.cli.parts import Kind

NEXT = """Wrote {file} and {test}. Next{where}:
  edit {file}
  fewshot-bench check {kind} {path}
  pytest {test}
  in a grid file, {axis} = [..., "{path}"]; its options under [{axis}s."{path}"]
  fewshot-bench run GRID.toml"""


@dataclass(frozen=True)
class Options:
    """Write NAME.py, a working backbone, inner optimizer, learner or dataset to start from, and test_NAME.py.

    Nothing is overwritten.

    Example: fewshot-bench new backbone my_net
    """

    kind: tyro.conf.Positional[Kind]
    """What it is."""
    name: tyro.conf.Positional[str]
    """Its name: of the file, and of the function in it."""
    into: Path = Path()
    """Folder of both files, made if it is missing."""


def command(options: Options) -> int:
    """Runs the command; returns the exit status.

    Raises BenchError for an invalid or used name, and if a file exists or cannot be written.
    """
    kind, name = options.kind, options.name
    _check(name)
    file, test = options.into / f"{name}.py", options.into / f"test_{name}.py"
    for written in (file, test):
        if written.exists():
            raise BenchError(
                f"{written} is there already, and is left as it is. Choose another name, or --into a folder."
            )
    _check_free(name)
    write_text(file, _filled(f"{kind}.py.txt", name))
    write_text(test, _filled(f"test_{kind}.py.txt", name))
    path = f"{name}:{name}"
    where = "" if options.into == Path() else f", in {options.into}"
    print(NEXT.format(file=file.name, test=test.name, where=where, kind=kind, path=path, axis=kind.replace("-", "_")))
    return 0


def _check(name: str) -> None:
    """Raises BenchError if the name cannot be that of a Python module."""
    if not name.isidentifier() or keyword.iskeyword(name) or not name.strip("_"):
        raise BenchError(f"{name!r} cannot be the name of a Python module. Use letters, digits and _, no digit first.")


def _check_free(name: str) -> None:
    """Raises BenchError if the file would hide an installed module, or be hidden by it."""
    if importlib.util.find_spec(name) is not None:
        raise BenchError(f"{name!r} is the name of a module that Python can import already. Choose another name.")


def _filled(template: str, name: str) -> str:
    text = (files("fewshot_bench") / "cli" / "templates" / template).read_text(encoding="utf-8")
    return _sorted_imports(text.replace("NAME", name), f"from {name} import ")


def _sorted_imports(text: str, own: str) -> str:
    """The text with the line that begins with `own` sorted into the imports above it."""
    lines = text.splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if line.startswith(own)), None)
    if at is not None:
        first = at
        while lines[first - 1].startswith("from "):
            first -= 1
        lines[first : at + 1] = sorted(lines[first : at + 1], key=lambda line: line.split()[1].lower())
    return "".join(lines)
