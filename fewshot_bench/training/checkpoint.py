"""Checkpoints with the hash of their content in their file name, so that a damaged or foreign file is never loaded."""

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

KEPT = 2  # checkpoints of training: one more than needed, in case the last is damaged


class Checkpoint(NamedTuple):
    """The content of a checkpoint. tensors: by name; facts: other values stored with them (JSON)."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write(folder: Path, kind: str, number: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    """Writes <folder>/<kind>-<number>-<hash>.safetensors atomically, and returns its name.

    Raises BenchError if it cannot be written; older checkpoints are kept.
    """
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"facts": json.dumps(facts)}
    )
    name = f"{kind}-{number:08d}-{_digest(content)}.safetensors"
    write_bytes(folder / name, content)
    return name


def read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None if its content does not have the hash in its name."""
    match = _NAME.fullmatch(path.name)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if match is None or _digest(content) != match["digest"]:
        return None
    return Checkpoint(load(content), _facts(content))


def newest(folder: Path, kind: str, number: int | None = None) -> Checkpoint | None:
    """The last undamaged checkpoint of a kind, or the one with the given number; None if there is none."""
    which = "*" if number is None else f"{number:08d}-*"
    for path in sorted(folder.glob(f"{kind}-{which}.safetensors"), reverse=True):
        checkpoint = read(path)
        if checkpoint is not None:
            return checkpoint
    return None


def numbers(folder: Path, kind: str) -> set[int]:
    """The numbers of the undamaged checkpoints of a kind."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob(f"{kind}-*.safetensors") if read(path) is not None)
    return {int(match["number"]) for match in names if match is not None}


def read_or_raise(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Raises CellError if it is missing or damaged."""
    checkpoint = read(path)
    if checkpoint is None:
        raise CellError(f"{path} is missing or damaged. Delete the cell's folder to train it anew.")
    return checkpoint


def keep_last(folder: Path, kind: str) -> None:
    """Removes all but the last KEPT checkpoints of a kind."""
    for path in sorted(folder.glob(f"{kind}-*.safetensors"))[:-KEPT]:
        path.unlink(missing_ok=True)


def drop_after(folder: Path, kind: str, number: int) -> None:
    """Removes the checkpoints of a kind with a number above `number`."""
    for path in folder.glob(f"{kind}-*.safetensors"):
        match = _NAME.fullmatch(path.name)
        if match is not None and int(match["number"]) > number:
            path.unlink(missing_ok=True)


def keep_epochs(folder: Path, names: Iterable[str]) -> None:
    """Removes all epochs' checkpoints but `names`, which the newest training checkpoint needs."""
    kept = set(names)
    for path in folder.glob("epoch-*.safetensors"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _facts(content: bytes) -> dict[str, Any]:
    """The values stored beside the tensors: text under `__metadata__` in the JSON header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    facts: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["facts"])
    return facts


_NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<number>\d+)-(?P<digest>[0-9a-f]{16})\.safetensors")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
