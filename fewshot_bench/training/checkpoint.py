"""Checkpoints whose file name holds the hash of their content: a torn or foreign file is noticed, never loaded."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load, save
from torch import Tensor

from fewshot_bench.basics.errors import CellError
from fewshot_bench.basics.files import write_bytes

KEPT = 2  # checkpoints of training; one more than needed, should the last be damaged


class Checkpoint(NamedTuple):
    """tensors: by name; facts: what else was stored with them (JSON)."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write(folder: Path, kind: str, number: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    """Writes <folder>/<kind>-<number>-<hash>.safetensors, whole or not at all, and returns its name.

    Raises BenchError where it cannot; older checkpoints are still there.
    """
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"facts": json.dumps(facts)}
    )
    name = f"{kind}-{number:08d}-{_digest(content)}.safetensors"
    write_bytes(folder / name, content)
    return name


def read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None where its content is not what its name says."""
    match = _NAME.fullmatch(path.name)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if match is None or _digest(content) != match["digest"]:
        return None
    return Checkpoint(load(content), _facts(content))


def newest(folder: Path, kind: str, number: int | None = None) -> Checkpoint | None:
    """The furthest checkpoint of a kind that is sound, or that of a number; None where there is none."""
    which = "*" if number is None else f"{number:08d}-*"
    for path in sorted(folder.glob(f"{kind}-{which}.safetensors"), reverse=True):
        checkpoint = read(path)
        if checkpoint is not None:
            return checkpoint
    return None


def numbers(folder: Path, kind: str) -> set[int]:
    """The numbers of the sound checkpoints of a kind."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob(f"{kind}-*.safetensors") if read(path) is not None)
    return {int(match["number"]) for match in names if match is not None}


def read_or_raise(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Raises CellError where it is gone or damaged."""
    found = read(path)
    if found is None:
        raise CellError(f"{path} is missing or damaged. Delete the cell's folder to train it anew.")
    return found


def keep_last(folder: Path, kind: str) -> None:
    """Removes all but the last KEPT checkpoints of a kind."""
    for path in sorted(folder.glob(f"{kind}-*.safetensors"))[:-KEPT]:
        path.unlink(missing_ok=True)


def drop_after(folder: Path, kind: str, number: int) -> None:
    """Removes the checkpoints of a kind that come after `number`."""
    for path in folder.glob(f"{kind}-*.safetensors"):
        match = _NAME.fullmatch(path.name)
        if match is not None and int(match["number"]) > number:
            path.unlink(missing_ok=True)


def keep_epochs(folder: Path, names: Iterable[str]) -> None:
    """Removes the epochs' checkpoints that are not among `names`, those the newest training checkpoint needs."""
    kept = set(names)
    for path in folder.glob("epoch-*.safetensors"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _facts(content: bytes) -> dict[str, Any]:
    """The JSON header of a safetensors file holds what was stored beside the tensors, as text under `__metadata__`."""
    length = int.from_bytes(content[:8], "little")
    facts: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["facts"])
    return facts


_NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<number>\d+)-(?P<digest>[0-9a-f]{16})\.safetensors")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
