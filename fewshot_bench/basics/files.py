"""Text files in any encoding that editors save, and writes that leave a file whole or absent, never torn.

A file is written under a temporary name beside its place, flushed to disk, then renamed.
"""

import codecs
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fewshot_bench.basics.errors import BenchError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder. On success it replaces `path`; on failure it is removed.

    Raises BenchError if the folder cannot be written or the disk is full; an older file at `path` is still there then.
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
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def sweep(folder: Path) -> None:
    """Remove temporary files of killed writes from `folder`. No other process may write there now."""
    for left in folder.glob(".*.part"):
        left.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> BenchError:
    """The error for a write that failed."""
    if isinstance(error, IsADirectoryError):
        return BenchError(f"{path} is a folder; give a file.")
    why = error.strerror or str(error)
    return BenchError(
        f"cannot write {path}: {why}. Free some space or choose another folder; nothing that was there is lost."
    )


def _flush_names(folder: Path) -> None:
    """Flush a folder's names, so that a crash of the machine loses no renaming; if the system can flush folders."""
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


def read_text(path: Path) -> str:
    """The content of a text file in UTF-8, without its byte-order mark; lines end in \\n.

    Raises BenchError if it cannot be read or is in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    if is_utf16(content):
        raise BenchError(f"{path} is text in UTF-16. Save it as UTF-8.")
    try:
        return _unix_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BenchError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error


def decoded(content: bytes) -> str:
    """Text in UTF-8 or UTF-16, with or without a byte-order mark. Raises UnicodeDecodeError for any other."""
    if not is_utf16(content):
        return _unix_lines(content.decode("utf-8-sig"))
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return _unix_lines(content.decode("utf-16" if marked else "utf-16-be" if content[0] == 0 else "utf-16-le"))


def is_utf16(content: bytes) -> bool:
    """Whether text is in UTF-16: it has the byte-order mark, or one of the first two bytes is zero."""
    return content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or 0 in content[:2]


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
