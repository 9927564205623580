"""The source behind an import path: the module's file and all files that it imports, found without running them.

A file is the user's own if it is not in the standard library, an installed distribution or this package. Imports of
such files are followed. Installed code is identified by its distribution's version, not file by file.
"""

import importlib
import importlib.metadata
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.source_text import MAIN, ParsedSource, hash_of, parsed_source, session_source

_OWN = __name__.partition(".")[0]  # RECIPE is the version of what this package computes
_READ = "_fewshot_bench_text"


class Source(NamedTuple):
    """files: path relative to the folder where its import path begins -> hash; code without a file has its import path
    as the key. installed: distribution -> version, for import paths into installed code. folders: where files were
    found. libraries: distributions that the files import. edited: files changed after this process imported them.
    """

    files: dict[str, str]
    installed: dict[str, str]
    folders: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


def source_of(paths: Iterable[str]) -> Source:
    """The Source of import paths `package.module:name`. A module that is loaded counts as it was at the first call."""
    importlib.invalidate_caches()
    files: dict[str, str] = {}
    installed: dict[str, str] = {}
    named: list[str] = []
    for path in paths:
        module, _, name = path.partition(":")
        spec = _spec(module)
        if module == MAIN:
            files[path], mentioned = session_source(name)
            named += mentioned
        elif spec is not None and is_installed(spec.origin) and not _is_own(module):
            called = distribution_of(module) or module
            installed[called] = version_of(called)
        else:
            named.append(module)
    folders, libraries, edited = set(), set(), set()
    for spec in _reached(named):
        if is_installed(spec.origin):
            libraries.add(distribution_of(spec.name))
            continue
        folder, file = _place(spec)
        folders.add(folder)
        files[file] = _text(spec).hash
        if files[file] != _read(spec).hash:
            edited.add(file)
    return Source(
        {file: files[file] for file in sorted(files)},
        installed,
        tuple(sorted(folders)),
        tuple(sorted(libraries - {""})),
        tuple(sorted(edited)),
    )


def _reached(modules: Iterable[str]) -> Iterator[ModuleSpec]:
    """The modules, their parent packages and all that they import, each once; of installed code the top package."""
    waiting, seen = list(modules), set()
    while waiting:
        words = waiting.pop().split(".")
        for name in (".".join(words[: end + 1]) for end in range(len(words))):
            spec = None if _is_own(name) else _spec(name)
            if spec is None:
                break
            if name not in seen:
                seen.add(name)
                if is_installed(spec.origin):
                    yield spec
                elif spec.has_location and spec.origin and Path(spec.origin).is_file():
                    yield spec
                    waiting += _text(spec).imports
            if is_installed(spec.origin):
                break


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == _OWN


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, or would be, imported from; None if there is no such module. Nothing is imported."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        return getattr(loaded, "__spec__", None)
    above, _, last = module.rpartition(".")
    try:
        if not above:
            return importlib.util.find_spec(module)
        package = _spec(above)
        places = None if package is None else package.submodule_search_locations
        found = None if places is None else PathFinder.find_spec(last, list(places))  # a search by the full name
        if found is not None:  # would need the parent package to be imported
            found.name = module
        return found
    except (ImportError, AttributeError, ValueError):
        return None


def _place(spec: ModuleSpec) -> tuple[str, str]:
    """The folder where a module's import path begins, and its file relative to that, with slashes."""
    path = Path(str(spec.origin)).absolute()
    depth = len(spec.name.split(".")) - (spec.submodule_search_locations is None)
    folder = path.parents[min(depth, len(path.parents) - 1)]
    return str(folder), path.relative_to(folder).as_posix()


def _text(spec: ModuleSpec) -> ParsedSource:
    """A module's source. It is kept on a loaded module's spec: a later edit of the file does not change loaded code."""
    loaded = sys.modules.get(spec.name)
    if loaded is None or loaded.__spec__ is not spec:
        return _read(spec)
    if _READ not in vars(spec):
        setattr(spec, _READ, _read(spec))
    found: ParsedSource = getattr(spec, _READ)
    return found


def _read(spec: ModuleSpec) -> ParsedSource:
    package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    return parsed_source(Path(str(spec.origin)).read_bytes(), package)


_FOLDERS = ("site-packages", "dist-packages")


def is_installed(file: str | None) -> bool:
    """Whether a module's file belongs to an installed distribution or to the standard library."""
    if file is None:
        return False
    path = Path(file)
    return any(name in path.parts for name in _FOLDERS) or path.is_relative_to(sysconfig.get_path("stdlib"))


def distribution_of(module: str) -> str:
    """The distribution that installed a module; "" if there is none, as for the standard library."""
    names = _distributions().get(module.partition(".")[0])
    return re.sub(r"[-_.]+", "-", names[0]).lower() if names else ""  # PEP 503: the same for every spelling


def version_of(distribution: str) -> str:
    """The version of a distribution, and a hash of its Python files as installed; "" if it is not installed.

    The hash is needed because one's own package may change without a new version.
    """
    try:
        found = importlib.metadata.distribution(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
    rows = sorted(row for row in (found.read_text("RECORD") or "").splitlines() if ".py," in row)
    return f"{found.version} {hash_of(repr(rows))}" if rows else found.version


@cache
def _distributions() -> dict[str, list[str]]:
    """Module -> distributions; cached, since it takes a quarter of a second."""
    return dict(importlib.metadata.packages_distributions())
