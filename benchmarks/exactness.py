"""Every way to compute a meta-gradient, against a plain loop over tasks on the CPU: the gate before a device is timed.

    uv run benchmarks/exactness.py [--device cpu] [--backbones vgg ...] [--rules sgd adam] [--tasks 4] [--steps 2]

MAML of second order, Omniglot's images, 5-way 1-shot, made-up numbers. Prints a Markdown table: for each network and
inner optimizer and each way, how far a task's meta-gradient is from the loop's, relative to its length, at most. (A
bias before batch norm has no gradient but rounding, so tensors are not measured one by one.)

In float64; exits with 1 where one is above 1e-9. Columns after those say what float32 costs, and on a GPU TF32 and
bfloat16: for them nothing is allowed or forbidden.

Adam's eps is 1e-3. From moments of zero its first step is lr g / (|g| + eps), with a slope of up to lr / eps, by which
the meta-gradient multiplies whatever rounding there is in a g near zero: at 1e-8 that says more of Adam than of us
(--eps 1e-8 shows it).
"""

import argparse
import math
import sys
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.libraries.ours import assembly
from benchmarks.libraries.work import Work, work
from benchmarks.settings import RULES, Setting
from fewshot_bench.backbones import BACKBONES
from fewshot_bench.backbones.functional import Operations, fused_operations
from fewshot_bench.learners.base import Meta
from fewshot_bench.training.gradients import gradients
from fewshot_bench.training.meta_step import begin
from fewshot_bench.training.plan import Plan, as_planned

ALLOWED = 1e-9


class Way(NamedTuple):
    """plan: of one way to compute the same. table: as in ours.assembly. dtype: of weights and images."""

    name: str
    plan: Plan
    table: Operations | None = None
    dtype: str = "float64"


def ways(device: str, tasks: int) -> list[Way]:
    """All ways that there are on a device."""
    threads = torch.get_num_threads()
    one, all_at_once = (Plan(device, threads, many, "traced") for many in (1, tasks))
    found = [
        Way("loop", Plan(device, threads, 1)),
        Way("vmap", Plan(device, threads, tasks)),
        Way("loop, recomputed", Plan(device, threads, 1, recompute=True)),
        Way("traced, one task", one),
        *(
            Way(f"traced, {kind}", all_at_once, fused_operations(convolutions=kind))
            for kind in ("loop", "grouped", "matmul")
        ),
        Way("traced, recomputed", one._replace(recompute=True)),
        Way("traced, 2 replicas", all_at_once._replace(replicas=2)),
    ]
    if device == "cpu":
        return [*found, Way("float32", one, dtype="float32")]
    graph = all_at_once._replace(program="graph")
    return [
        *found,
        Way("graph", graph),
        Way("graph, recomputed", graph._replace(recompute=True)),
        Way("graph, 2 replicas", graph._replace(replicas=2)),
        Way("float32", graph, dtype="float32"),
        Way("float32, tf32", graph._replace(precision="tf32"), dtype="float32"),
        Way("float32, bfloat16", graph._replace(precision="bfloat16"), dtype="float32"),
    ]


def main(words: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(words)
    known = ways(options.device, options.tasks)
    print(
        "| network | inner optimizer | " + " | ".join(way.name for way in known) + " |\n|" + (2 + len(known)) * "---|"
    )
    worst = 0.0
    for backbone, rule in product(options.backbones, options.rules):
        setting = Setting(backbone, "omniglot", 5, 1, rule, steps=options.steps, tasks=options.tasks)
        expected = of_loop(setting, options.eps)
        found = [error(setting, options.eps, way, expected) for way in known]
        gated = (value for way, value in zip(known, found, strict=True) if way.dtype == "float64")
        worst = max(worst, *(math.inf if math.isnan(value) else value for value in gated))
        print(f"| {backbone} | {rule} | " + " | ".join(f"{value:.0e}" for value in found) + " |", flush=True)
    verdict = "as exact as rounding is" if worst <= ALLOWED else "NOT exact: nothing that is timed there counts"
    print(f"\n{options.device}: at most {worst:.1e} in float64; allowed {ALLOWED:.0e}: {verdict}.")
    return int(worst > ALLOWED)


def of_loop(setting: Setting, eps: float) -> list[Meta]:
    """The gradients of two replicas' tasks, stacked, by a plain loop on the CPU. eps: of Adam."""
    way = Way("", Plan("cpu", torch.get_num_threads(), 1))
    return [_found(way, [_work(setting, eps, way, replica)])[0] for replica in range(2)]


def error(setting: Setting, eps: float, way: Way, expected: list[Meta]) -> float:
    """How far a way's gradients are from those expected, relative, of the worst task; NaN where it fails, told."""
    try:
        found = _found(way, [_work(setting, eps, way, replica) for replica in range(way.plan.replicas)])
    except Exception as error:  # whatever a way raises is its result; the others are asked too
        print(f"{setting.backbone} {setting.rule}, {way.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return math.nan
    pairs = zip(found, expected, strict=False)  # of one replica the first is expected
    return max(float((_length(a, b) / _length(b)).max()) for a, b in pairs)


def _work(setting: Setting, eps: float, way: Way, replica: int) -> Work:
    there = setting._replace(device=way.plan.device, precision=way.dtype, replicas=way.plan.replicas)
    return work(there, replica)._replace(eps=eps)


def _found(way: Way, works: list[Work]) -> list[Meta]:
    """For each replica the gradients of its tasks, stacked, float64 on the CPU."""
    made = [assembly(one, way.plan, way.table) for one in works]
    states = [begin(one.learner, one.parts, works[0].setting.steps, way.plan.device) for one in made]
    with as_planned(way.plan):
        found = gradients(made[0])(states, [one.tasks for one in works])
        return [{name: g.cpu().double() for name, g in one.meta.items()} for one in found]


def _length(a: Meta, less: Meta | None = None) -> Tensor:
    """The length of each task's gradient, or of what is between two: [tasks]."""
    between = a if less is None else {name: g - less[name] for name, g in a.items()}
    return torch.stack([g.flatten(1).square().sum(1) for g in between.values()]).sum(0).sqrt()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--rules", nargs="+", choices=RULES, default=RULES)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--eps", type=float, default=1e-3, help="of the inner Adam")
    return parser


if __name__ == "__main__":
    sys.exit(main())
