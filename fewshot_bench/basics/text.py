"""Text as the user's editor or spreadsheet saved it: UTF-8 with or without a byte-order mark, or UTF-16."""

import codecs
from pathlib import Path

from fewshot_bench.basics.errors import BenchError


def read_text(path: Path) -> str:
    """The content of a text file in UTF-8, without its byte-order mark; lines end in \\n.

    Raises BenchError where it cannot be read or is in another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    if is_utf16(content):
        raise BenchError(f"{path} is text in UTF-16. Save it as UTF-8.")
    try:
        return _one_kind_of_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BenchError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error


def decoded(content: bytes) -> str:
    """Text in UTF-8 or UTF-16, with or without a byte-order mark. Raises UnicodeDecodeError for any other."""
    if not is_utf16(content):
        return _one_kind_of_lines(content.decode("utf-8-sig"))
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return _one_kind_of_lines(content.decode("utf-16" if marked else "utf-16-be" if content[0] == 0 else "utf-16-le"))


def is_utf16(content: bytes) -> bool:
    """Whether text is in UTF-16: by its byte-order mark, or since one of the first two bytes is zero."""
    return content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or 0 in content[:2]


def _one_kind_of_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
