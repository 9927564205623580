"""A cell's Parquet file, read without trust."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from fewshot_bench.basics.errors import BenchError


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The columns of a file. Raises BenchError with the cell's name where it is torn, foreign or lacks one."""
    with reading(path):
        return pd.read_parquet(path, columns=list(columns))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever fails in the block is a BenchError with the cell's name: the file cannot be read."""
    try:
        yield
    except Exception as error:  # what pyarrow raises on a torn file has no common type
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(f"{path.parent.name}: {path.name} cannot be read ({why}).") from error
