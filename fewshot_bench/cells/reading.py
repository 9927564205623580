"""Reading of cells' folders. Files that are damaged, missing or foreign give a sentence, never a traceback."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import did_you_mean
from fewshot_bench.cells.cell import DEFAULTS
from fewshot_bench.cells.code_changes import NOTHING, OwnCode, own_code
from fewshot_bench.cells.config_file import parse_toml
from fewshot_bench.cells.contents import number, whole, wrong_config, wrong_result
from fewshot_bench.cells.folders import CELLS, CONFIG, DONE, FAILED, QUEUED, RESULT, STATUS, STATUSES, has_checkpoint

FILES = (CONFIG, STATUS, RESULT)

_RERUN = "run the grid again"
_MOVE_AWAY = f"move the cell's folder away and {_RERUN}"  # a grid refuses a folder whose configuration is not its own


class CellFolder(NamedTuple):
    """One cell on disk.

    config: config.toml with its defaults filled in; empty if it cannot be read. identity: the settings that the hash in
    the folder's name covers.
    status: one of STATUSES. A cell with invalid files is "failed", and `reason` names the file and the fault.
    iterations: meta-steps done; seconds: time spent; None if not recorded. status_file: status.json; empty if it cannot
    be read. result: result.json without `epochs`, which would take much memory with ten thousand cells; empty unless
    the cell is done. test: the name in episodes.parquet of the test whose figures are in `result`. code: whether the
    code that the cell names by import path has changed.
    """

    folder: Path
    config: Mapping[str, Any]
    identity: Mapping[str, Any]
    status: str
    reason: str
    iterations: int | None
    seconds: float | None
    status_file: Mapping[str, Any]
    result: Mapping[str, Any]
    test: str = "test"
    code: OwnCode = NOTHING

    @property
    def name(self) -> str:
        """The folder's name: readable axes and a hash."""
        return self.folder.name

    @property
    def reason_and_notes(self) -> str:
        """The reason of the status, and the notes on the cell's code."""
        return "; ".join(filter(None, (self.reason, self.code.words)))

    @property
    def seed(self) -> int:
        """The seed of the grid's axis; -1 if the configuration cannot be read."""
        return int(self.config.get("seed", -1))

    def recorded(self, key: str) -> dict[str, Any]:
        """A table in status.json, such as the plan; {} if there is none."""
        table = self.status_file.get(key)
        return dict(table) if isinstance(table, dict) else {}

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The protocol of the result, empty unless the cell is done; `ensemble` is the number of members used."""
        planned = self.result.get("fingerprint", {})
        return planned | {"ensemble": self.result.get("ensemble", planned.get("ensemble"))} if planned else {}


def read_cells(directory: Path) -> list[CellFolder]:
    """Every cell in `directory`/cells, in order of folder names. Other files and folders are ignored.

    Raises BenchError if the folder does not exist or holds no cell.
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
    """The cell in `folder`; None if it holds none of a cell's files."""
    config, config_fault = _parsed(folder / CONFIG, parse_toml)
    status, status_fault = _parsed(folder / STATUS, json.loads)
    result, result_fault = _parsed(folder / RESULT, _without_epochs)
    result.pop("epochs", None)
    if not (config or status or result) and not any((folder / name).is_file() for name in FILES):
        return None
    config_fault = config_fault or wrong_config(config, folder.name)
    result_fault = result_fault or wrong_result(result, folder.name)
    # A result is written atomically, so it shows that the cell is done if the status was lost.
    state = status.get("status", DONE if result and not result_fault else QUEUED)
    reason = str(status.get("reason") or "")
    if config_fault:
        state, reason = FAILED, f"{config_fault}; {_MOVE_AWAY}"
    elif status_fault:
        state, reason = FAILED, f"{status_fault}; {_RERUN}"
    elif state not in STATUSES:
        state, reason = FAILED, f"status.json holds the unknown status {state!r}; {_RERUN}"
    elif state == DONE and result_fault:
        # `run` takes a cell for done if its result names the cell, whatever else is in the file.
        mend = _MOVE_AWAY if result.get("cell") == folder.name else _RERUN
        state, reason = FAILED, f"status.json says done, but {result_fault}; {mend}"
    return CellFolder(
        folder=folder,
        config={} if config_fault else _filled(config),
        identity={} if config_fault else {key: value for key, value in config.items() if key != DEFAULTS},
        status=state,
        reason=" ".join(reason.split()),
        iterations=whole(status.get("iterations", result.get("iterations"))),
        seconds=number(status.get("seconds")),
        status_file=status,
        result=result if state == DONE else {},
        code=own_code(folder.parent.parent, status) if state == DONE or has_checkpoint(folder) else NOTHING,
    )


def _parsed(path: Path, loads: Callable[[str], Any]) -> tuple[dict[str, Any], str]:
    """The file as a table, and its fault. A missing file is an empty table without fault."""
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
    """The content of result.json. In `run`'s own layout, the long list of epochs is removed before parsing."""
    start = text.find('\n "epochs": [\n')
    end = text.find("\n ],", start)
    if start < 0 or end < 0:
        return json.loads(text)
    return json.loads(text[:start] + text[end + len("\n ],") :])


def _filled(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its defaults filled in."""
    defaults = config.get(DEFAULTS, {})
    sections = {name: {**defaults.get(name, {}), **config.get(name, {})} for name in ("training", "evaluation")}
    return {key: value for key, value in config.items() if key != DEFAULTS} | sections
