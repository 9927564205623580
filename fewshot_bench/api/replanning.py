"""How a finished cell is computed here: as it was, or as this machine can."""

import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.plan import Plan, find_device
from fewshot_bench.training.programs import workers

AT_ONCE = 32  # tasks in one program of a GPU that the cell was not computed on


def plan_here(kept: Plan | None, device: str | None) -> Plan:
    """The plan that a cell was computed by, or one for another device; None: it is not known.

    device: what is asked for; absent: the cell's own, or whatever this machine has.
    """
    if kept is not None and (device in (None, kept.device)) and _is_there(kept.device):
        return kept._replace(workers=kept.workers if workers.POSSIBLE else 1)
    found, cores = find_device(device or "auto"), torch.get_num_threads()
    traced = kept is not None and kept.program != "eager"  # what was never written down may not be possible to
    if found != "cpu":
        plan = Plan(found, cores, AT_ONCE, "traced" if traced else "eager")
    elif traced:
        plan = Plan(found, 1, 1, "traced", cores if workers.POSSIBLE else 1)
    else:
        plan = Plan(found, cores, 1)
    return plan if kept is None else plan._replace(precision=kept.precision)


def _is_there(device: str) -> bool:
    try:
        find_device(device)
    except BenchError:
        return False
    return True
