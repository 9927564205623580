"""A process that does one contender's meta-steps when told to: requests and replies are lines of JSON.

python -m benchmarks.worker THREADS         (started by processes.py)
"""

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peak import Peak
from benchmarks.settings import Setting

Request = Mapping[str, Any]
Reply = dict[str, Any]
Server = Callable[[Request], Reply]


MOST = 0.7  # of the machine's memory: what wants more is told so, instead of taking others down with it


def main() -> None:
    _limit_memory()
    with os.fdopen(os.dup(1), "w") as replies:
        os.dup2(2, 1)  # what libraries print is no reply
        serve = server(int(sys.argv[1]))
        for line in sys.stdin:
            replies.write(json.dumps(serve(json.loads(line))) + "\n")
            replies.flush()


def server(threads: int) -> Server:
    """Answers requests by their "do"; {"failed": why} where anything goes wrong.

    prepare (where, setting, share): makes a contender's step; how it goes about it.
    step: does it; when it began and ended, and the loss.
    compare (path): the relative error of the last step's gradient, from what the first asked wrote there.
    peak (where, setting): what one meta-step takes on top of what there was before, in a process that did nothing else.
    """
    import torch

    torch.set_num_threads(threads)
    state: dict[str, Any] = {}

    def prepare(request: Request) -> Reply:
        state.clear()
        setting = Setting(**request["setting"])
        step = _library(request["where"])(_works(setting, tuple(request["share"])))
        state.update(do=step.do, device=setting.device)
        return {"how": step.how}

    def step(request: Request) -> Reply:
        begun = time.perf_counter()
        state["answers"] = state["do"]()
        losses = [float(answer.loss) for answer in state["answers"]]
        if state["device"] != "cpu":
            torch.cuda.synchronize()
        return {"begun": begun, "ended": time.perf_counter(), "loss": sum(losses) / len(losses)}

    def compare(request: Request) -> Reply:
        path = Path(request["path"])
        found = {f"{i}/{name}": g for i, one in enumerate(state["answers"]) for name, g in one.gradient.items()}
        if not path.exists():
            torch.save(found, path)
        known = torch.load(path)
        error = sum(float((found[name] - g).double().square().sum()) for name, g in known.items())
        return {"error": (error / sum(float(g.double().square().sum()) for g in known.values())) ** 0.5}

    def peak(request: Request) -> Reply:
        setting = Setting(**request["setting"])
        small = setting._replace(shape="omniglot", ways=2, shots=1, steps=1, tasks=1, replicas=1)
        library = _library(request["where"])
        library(_works(small, (0, 1))).do()  # loads what first calls load: kernels, compilers, thread pools
        works = _works(setting, (0, 1))
        with Peak(setting.device) as found:
            library(works).do()
        return {"mebibytes": found.mebibytes}

    kinds = {"prepare": prepare, "step": step, "compare": compare, "peak": peak}

    def serve(request: Request) -> Reply:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return kinds[request["do"]](request)
        except Exception as error:  # whatever a library raises is its result
            return {"failed": _reason(error)}

    return serve


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has it
        import resource

        most = int(MOST * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _library(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _works(setting: Setting, share: tuple[int, int]) -> list[Any]:
    import torch

    from benchmarks.libraries.work import work

    if setting.device != "cpu":
        torch.backends.cudnn.allow_tf32 = False  # torch's default for convolutions is not float32
    return [work(setting, replica, share) for replica in range(setting.replicas)]


def _reason(error: Exception) -> str:
    """A sentence for the table."""
    words = (str(error) or type(error).__name__).splitlines()[0]
    return words if type(error).__name__ in ("NotOfferedError", "BenchError") else f"{type(error).__name__}: {words}"


if __name__ == "__main__":
    main()
