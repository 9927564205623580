"""Files that are either whole or absent: written beside their place, flushed, then renamed."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fewshot_bench.basics.errors import BenchError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path in `path`'s folder; on success it becomes `path`, on failure it is gone.

    Raises BenchError when the folder cannot be written or the disk is full: what stood at `path` is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _flush_names(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def sweep(folder: Path) -> None:
    """Removes what killed writes left in `folder`. For folders that nobody else writes to now."""
    for left in folder.glob(".*.part"):
        left.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> BenchError:
    """The sentence for a write that failed."""
    if isinstance(error, IsADirectoryError):
        return BenchError(f"{path} is a folder; give a file.")
    why = error.strerror or str(error)
    return BenchError(
        f"cannot write {path}: {why}. Free some space or choose another folder; nothing that was there is lost."
    )


def _flush_names(folder: Path) -> None:
    """So that a machine that goes down forgets no renaming that later ones rely on; where folders can be flushed."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
