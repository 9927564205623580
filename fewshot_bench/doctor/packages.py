"""The packages that this one asks for: there, and not too old; and its extras, as their metadata lists them."""

import importlib.metadata
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fewshot_bench.doctor.finding import Finding

PACKAGE = "fewshot-bench"

EXTRAS = {
    "cluster": "run --engine ray",
    "peers": "comparisons with other libraries",
    "track": "TensorBoard and wandb",
}
"""Extra -> what it is for."""


class Requirement(NamedTuple):
    """least: the lowest version that will do; extra: which extra asks for it, empty where the package itself does."""

    name: str
    least: str
    extra: str


def packages() -> Iterator[Finding]:
    """Lines about Python, this package, what it needs, and each extra."""
    yield Finding("ok", "Python", platform.python_version())
    own = installed(PACKAGE)
    if own is None:
        says = "runs from a folder and is not installed, so what it needs cannot be told"
        yield Finding("warning", PACKAGE, says, "pip install -e . in that folder")
        return
    yield Finding("ok", PACKAGE, own)
    needed = [read for line in importlib.metadata.requires(PACKAGE) or () if (read := requirement(line))]
    yield base([one for one in needed if not one.extra], installed)
    for extra in dict.fromkeys(one.extra for one in needed if one.extra):
        yield of_extra(extra, [one for one in needed if one.extra == extra], installed)


def requirement(line: str) -> Requirement | None:
    """What a line of metadata asks for, such as `ray>=2.40; extra == "cluster"`; None for one without a version."""
    read = re.match(r"""([\w.-]+)\s*>=\s*([\d.]+)(?:.*extra == ['"]([\w-]+)['"])?""", line)
    return Requirement(read[1], read[2], read[3] or "") if read else None


def installed(name: str) -> str | None:
    """The version of a package, None where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def base(needed: Sequence[Requirement], version: Callable[[str], str | None]) -> Finding:
    """Whether all that the package itself needs is there."""
    wrong = lacking(needed, version)
    if wrong:
        return Finding("fault", "packages", f"missing or too old: {', '.join(wrong)}", f"pip install {_quoted(wrong)}")
    return Finding("ok", "packages", f"all {len(needed)} that it needs")


def of_extra(extra: str, needed: Sequence[Requirement], version: Callable[[str], str | None]) -> Finding:
    """Whether an extra is there. It is no fault where it is not: the line says what it is for and what installs it."""
    wrong = lacking(needed, version)
    if not wrong:
        there = ", ".join(f"{one.name} {version(one.name)}" for one in needed)
        return Finding("ok", f"extra {extra}", there)
    purpose = f"; for {EXTRAS[extra]}" if extra in EXTRAS else ""
    says = f"not installed: {', '.join(wrong)}{purpose}"
    return Finding("ok", f"extra {extra}", says, f"uv sync --extra {extra}, or pip install -e '.[{extra}]'")


def lacking(needed: Sequence[Requirement], version: Callable[[str], str | None]) -> list[str]:
    """Those that are missing or too old, as `name>=version`."""
    found = [(one, version(one.name)) for one in needed]
    return [f"{one.name}>={one.least}" for one, has in found if has is None or _numbers(has) < _numbers(one.least)]


def _numbers(version: str) -> tuple[int, ...]:
    """2.15.0+cpu -> (2, 15, 0); 2.0 and 2 are the same version."""
    numbers = [int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", version)[0])]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _quoted(names: Sequence[str]) -> str:
    return " ".join(f"'{name}'" for name in names)
