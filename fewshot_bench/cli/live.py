"""The progress of a run: one live table in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fewshot_bench.basics.counting import counted
from fewshot_bench.cells.cell import Cell
from fewshot_bench.cells.contents import score_text
from fewshot_bench.cli.terminal import shown_progress
from fewshot_bench.data.pool import Progress
from fewshot_bench.grid.cell_run import Listener
from fewshot_bench.training.replica import Moment

SECONDS_BETWEEN_LINES = 20.0
STOPS = {
    "waiting": "without waiting for the process that has the cell",
    "planning": "after the plan that is being tried",
    "building": "before the first meta-step",
    "training": "after this meta-step",
    "validation": "after the tasks that are being evaluated",
    "test": "after the tasks that are being evaluated",
}
"""Phase of a cell -> the point at which it stops after Ctrl-C."""

NO_CELL = "before the next cell"
ROWS = 30  # rows of the live table; a larger grid shows the running cells and those near them


@dataclass
class RunState:
    """The state of a run: status, progress and pace of its cells. `moment`, `ended` and `prepare` update it."""

    cells: Sequence[Cell]
    state: dict[str, str] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)
    current: str = ""
    begun: float = field(default_factory=time.monotonic)
    pace: dict[str, float] = field(default_factory=dict)
    last_step: dict[str, float] = field(default_factory=dict)
    last_line: float = 0.0
    preparing: str = ""

    def moment(self, cell: Cell, moment: Moment) -> None:
        self.current, now = cell.id, time.monotonic()
        before = self.moments.get(cell.id)
        steps = 0 if before is None else moment.iteration - before.iteration
        if before is not None and before.phase == moment.phase == "training" and steps > 0:
            took = (now - self.last_step[cell.id]) / steps
            kept = 0.9**steps
            self.pace[cell.id] = kept * self.pace.get(cell.id, took) + (1 - kept) * took
        if steps or before is None or before.phase != moment.phase:
            self.last_step[cell.id] = now
        self.state[cell.id], self.moments[cell.id] = moment.phase, moment

    def ended(self, cell: Cell, status: str, reason: str) -> None:
        self.state[cell.id] = f"{status}: {reason}" if reason else status
        self.pace.pop(cell.id, None)

    def prepare(self, what: str, done: int, total: int) -> None:
        """Records the preparation of data: `done` of `total` steps."""
        self.preparing = f"{what}: {done} of {total}" if done < total else ""

    def stopping_point(self) -> str:
        """The point at which the run stops after Ctrl-C now."""
        phases = {state for state in self.state.values() if state in STOPS}
        return " and ".join(dict.fromkeys(when for phase, when in STOPS.items() if phase in phases)) or NO_CELL

    def line(self, cell: Cell) -> str:
        """The line of a cell: name, status, meta-steps, loss, accuracy and time left."""
        moment = self.moments.get(cell.id)
        words = [cell.id, self.state.get(cell.id, "queued")]
        if moment is not None:
            words.append(f"{moment.iteration}/{cell.training.iterations}")
            words += [f"loss {moment.loss:.3f}"] if moment.loss is not None else []
            words += [f"val {score_text(moment.accuracy)}"] if moment.accuracy is not None else []
        return "  ".join([*words, self.left(cell)]).rstrip()

    def left(self, cell: Cell) -> str:
        """Time left in a cell's training, at the pace of its last meta-steps."""
        moment = self.moments.get(cell.id)
        if moment is None or self.state.get(cell.id) != "training" or cell.id not in self.pace:
            return ""
        seconds = int(self.pace[cell.id] * (cell.training.iterations - moment.iteration))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


@contextmanager
def live_listener(run: RunState, stop: Callable[[], bool]) -> Iterator[tuple[Listener, Progress]]:
    """A Listener that shows the run on stderr within the block, and a function for the preparation of data."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with shown_progress() as progress:
            yield _plain(run, stop), progress
        return
    with Live(get_renderable=lambda: _table(run), console=console, refresh_per_second=4, transient=True):

        def say(text: str) -> None:  # above the table
            console.print(text, style="yellow", highlight=False, markup=False)

        yield Listener(run.moment, run.ended, stop, say), run.prepare


def _plain(run: RunState, stop: Callable[[], bool]) -> Listener:
    def moment(cell: Cell, moment: Moment) -> None:
        changed = run.state.get(cell.id) != moment.phase
        run.moment(cell, moment)
        if changed or time.monotonic() - run.last_line > SECONDS_BETWEEN_LINES:
            run.last_line = time.monotonic()
            print(run.line(cell), file=sys.stderr, flush=True)

    def ended(cell: Cell, status: str, reason: str) -> None:
        run.ended(cell, status, reason)
        print(run.line(cell), file=sys.stderr, flush=True)

    return Listener(moment, ended, stop, lambda text: print(text, file=sys.stderr, flush=True))


def _table(run: RunState) -> RenderableType:
    done = sum(state == "done" for state in run.state.values())
    table = Table(box=None, pad_edge=False)
    for heading in ("cell", "state", "meta-steps", "loss", "val", "time left"):
        table.add_column(heading, justify="left" if heading in ("cell", "state") else "right", no_wrap=True)
    for cell in _shown(run):
        moment = run.moments.get(cell.id)
        table.add_row(
            cell.id,
            run.state.get(cell.id, "queued"),
            f"{moment.iteration if moment else 0}/{cell.training.iterations}",
            "" if moment is None or moment.loss is None else f"{moment.loss:.3f}",
            "" if moment is None or moment.accuracy is None else score_text(moment.accuracy),
            run.left(cell),
        )
    preparing = [Text(run.preparing)] if run.preparing else []
    minutes = int(time.monotonic() - run.begun) // 60
    return Group(
        table, *preparing, Text(f"{done} of {counted(len(run.cells), 'cell')} done, {minutes} min", style="bold")
    )


def _shown(run: RunState) -> list[Cell]:
    """The cells that get a row, in order: the running ones, and as many near the last one as fit."""
    state = run.state
    at = next((i for i, cell in enumerate(run.cells) if cell.id == run.current), 0)
    near = sorted(range(len(run.cells)), key=lambda i: (state.get(run.cells[i].id) not in STOPS, abs(i - at)))
    return [run.cells[i] for i in sorted(near[:ROWS])]
