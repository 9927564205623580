"""How much memory a piece of code takes at most, above what there was before."""

import resource
import sys
from pathlib import Path
from types import TracebackType

STATUS, MARKS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """The time of a `with` block; `mebibytes` afterwards.

    On a CPU it is resident memory, by Linux's own high-water mark, which is set back first; elsewhere by the mark of
    the whole process, so that what was higher before hides what comes. On a GPU it is what torch has allocated.
    """

    def __init__(self, device: str) -> None:
        self.gpu = device != "cpu"
        self.mebibytes = 0.0

    def __enter__(self) -> "Peak":
        self.before = self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.mebibytes = max(0.0, self._highest() - self.before)  # Linux counts a thread's pages with a delay

    def _begin(self) -> float:
        if self.gpu:
            import torch

            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated() / 2**20
        if MARKS.exists():
            MARKS.write_text("5")  # see proc(5): the mark becomes what is resident now
        return self._highest()

    def _highest(self) -> float:
        if self.gpu:
            import torch

            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated() / 2**20
        if STATUS.exists():
            line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
            return int(line.split()[1]) / 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
