"""One cell's folder, read without trust: what is torn, missing or foreign becomes a sentence, never a traceback."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.cells import toml
from fewshot_bench.cells.cell import DEFAULTS
from fewshot_bench.cells.code_changes import NOTHING, OwnCode, own_code
from fewshot_bench.cells.contents import number, whole, wrong_config, wrong_result
from fewshot_bench.cells.folders import CELLS, CONFIG, DONE, FAILED, QUEUED, RESULT, STATUS, STATUSES, has_checkpoint

FILES = (CONFIG, STATUS, RESULT)

_AGAIN = "run the grid again"
_AWAY = f"move the cell's folder away and {_AGAIN}"  # a grid refuses a folder whose configuration is not its own


class CellFolder(NamedTuple):
    """One cell as it lies on disk.

    config: config.toml with its defaults filled in, empty where unreadable. identity: what the name is the hash of.
    result: result.json, empty unless the cell is done and the file whole; without `epochs`, which would fill the
    memory that ten thousand cells have and stand in no table.
    test: which of its tests `result` has the figures of, as episodes.parquet names it.
    code: whether the code that it names by import path has changed.
    status: one of STATUSES; a cell whose files cannot be believed is "failed", and `reason` says which file and why.
    iterations: meta-steps done so far; seconds: spent so far; both None where not recorded. said: status.json, empty
    where it cannot be read.
    """

    folder: Path
    config: Mapping[str, Any]
    identity: Mapping[str, Any]
    status: str
    reason: str
    iterations: int | None
    seconds: float | None
    said: Mapping[str, Any]
    result: Mapping[str, Any]
    test: str = "test"
    code: OwnCode = NOTHING

    @property
    def name(self) -> str:
        """The folder's name: readable axes and a hash."""
        return self.folder.name

    @property
    def told(self) -> str:
        """The reason, and the notes on its code."""
        return "; ".join(filter(None, (self.reason, self.code.words)))

    @property
    def seed(self) -> int:
        """The seed of the grid's axis; -1 where the configuration is unreadable."""
        return int(self.config.get("seed", -1))

    def recorded(self, key: str) -> dict[str, Any]:
        """A table within status.json, such as the plan; {} where it is none."""
        found = self.said.get(key)
        return dict(found) if isinstance(found, dict) else {}

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The protocol its numbers stand for, empty unless done; `ensemble` is the number of members really used."""
        planned = self.result.get("fingerprint", {})
        return planned | {"ensemble": self.result.get("ensemble", planned.get("ensemble"))} if planned else {}


def read_cells(directory: Path) -> list[CellFolder]:
    """Every cell below `directory`/cells, in order of folder names; files and folders of others are passed over.

    Raises BenchError when the folder does not exist or holds no cell.
    """
    if not directory.is_dir():
        siblings = [entry.name for entry in directory.parent.iterdir()] if directory.parent.is_dir() else []
        hint = did_you_mean(directory.name, siblings)
        raise BenchError(f"there is no folder {directory}{hint}. Give the folder that `fewshot-bench run` wrote to.")
    try:
        entries = sorted((directory / CELLS).iterdir()) if (directory / CELLS).is_dir() else []
    except OSError as error:
        raise BenchError(f"cannot look into {directory / CELLS}: {error.strerror}.") from error
    cells = [cell for entry in entries if not entry.name.startswith(".") if (cell := read_cell(entry))]
    if not cells:
        raise BenchError(f"{directory} holds no cells. Give the folder that `fewshot-bench run` wrote to.")
    return cells


def read_run(path: Path) -> list[CellFolder]:
    """The cells of a results folder, or the one cell whose folder it is.

    Raises BenchError if it is neither.
    """
    if not (path / CELLS).is_dir() and any((path / name).is_file() for name in FILES):
        cell = read_cell(path.resolve())
        if cell is None:
            raise BenchError(f"{path} holds no cell that can be read.")
        return [cell]
    return read_cells(path)


def read_cell(folder: Path) -> CellFolder | None:
    """The cell in `folder`; None where none of a cell's files is there, so it is somebody else's folder."""
    config, config_fault = _parsed(folder / CONFIG, toml.loads)
    status, status_fault = _parsed(folder / STATUS, json.loads)
    result, result_fault = _parsed(folder / RESULT, _without_epochs)
    result.pop("epochs", None)
    if not (config or status or result) and not any((folder / name).is_file() for name in FILES):
        return None
    config_fault = config_fault or wrong_config(config, folder.name)
    result_fault = result_fault or wrong_result(result, folder.name)
    # A result is written whole or not at all, so it stands for a status that was lost.
    said = status.get("status", DONE if result and not result_fault else QUEUED)
    reason = str(status.get("reason") or "")
    if config_fault:
        said, reason = FAILED, f"{config_fault}; {_AWAY}"
    elif status_fault:
        said, reason = FAILED, f"{status_fault}; {_AGAIN}"
    elif said not in STATUSES:
        said, reason = FAILED, f"status.json holds the unknown status {said!r}; {_AGAIN}"
    elif said == DONE and result_fault:
        # The grid takes a cell for done whose result is called as the cell is, whatever else stands in it.
        mend = _AWAY if result.get("cell") == folder.name else _AGAIN
        said, reason = FAILED, f"status.json says done, but {result_fault}; {mend}"
    return CellFolder(
        folder=folder,
        config={} if config_fault else _filled(config),
        identity={} if config_fault else {key: value for key, value in config.items() if key != DEFAULTS},
        status=said,
        reason=" ".join(reason.split()),
        iterations=whole(status.get("iterations", result.get("iterations"))),
        seconds=number(status.get("seconds")),
        said=status,
        result=result if said == DONE else {},
        code=own_code(folder.parent.parent, status) if said == DONE or has_checkpoint(folder) else NOTHING,
    )


def _parsed(path: Path, loads: Callable[[str], Any]) -> tuple[dict[str, Any], str]:
    """The file as a table, and what is wrong with it; a missing file is an empty table without fault."""
    try:
        content = loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        return {}, f"{path.name} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return {}, f"{path.name} is not text"
    except (ValueError, RecursionError):
        return {}, f"{path.name} is torn or was edited"
    return (content, "") if isinstance(content, dict) else ({}, f"{path.name} holds no table of keys")


def _without_epochs(text: str) -> Any:
    """result.json; where it is laid out as `run` writes it, without its list of epochs, which is nearly all of it."""
    start = text.find('\n "epochs": [\n')
    end = text.find("\n ],", start)
    if start < 0 or end < 0:
        return json.loads(text)
    return json.loads(text[:start] + text[end + len("\n ],") :])


def _filled(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the defaults that hold beside it."""
    defaults = config.get(DEFAULTS, {})
    sections = {name: {**defaults.get(name, {}), **config.get(name, {})} for name in ("training", "evaluation")}
    return {key: value for key, value in config.items() if key != DEFAULTS} | sections
