"""What the commands that compare libraries have in common on the command line, and in their files."""

import argparse
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks.libraries import CONTENDERS
from benchmarks.measuring import Effort
from benchmarks.settings import cores
from fewshot_bench.audit.versions import versions


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--libraries", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    made.add_argument("--rounds", type=int, default=5, help="meta-steps of each that are timed")
    made.add_argument("--budget", type=float, default=60.0, help="seconds for one library in one mode and setting")
    made.add_argument("--threads", type=int, default=cores(), help="threads of a process that is alone")
    made.add_argument("--device", default="cpu")
    made.add_argument(
        "--compared-in", choices=("float32", "float64"), default="float32", help="losses, before any time"
    )
    made.add_argument("--only", choices=("time", "memory"), help="one of the two that are measured")
    return made


def effort(options: argparse.Namespace, tolerance: float) -> Effort:
    return Effort(options.rounds, options.budget, tolerance, options.compared_in)


def circumstances(threads: int) -> dict[str, Any]:
    """What figures are to be read with: the machine's kind, versions, and the command."""
    command = " ".join(["uv run", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    return {"command": command, "processor": _processor(), "threads": threads, "versions": versions()}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
