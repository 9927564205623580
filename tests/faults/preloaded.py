"""A process that has loaded everything and forks itself for each run it is asked for: a run then starts in no time.

python -m tests.faults.preloaded        reads a line of JSON a run, {"words", "output", "before", "kill_after"}; answers
                                        with exit status (of a kill: minus the signal) and seconds of processor time.

No figures are drawn: they come after all results, and take longer than these.

before: Python to execute in the run's process first. kill_after: seconds of processor time, of the process's own timer,
whose signal nobody catches: it ends the process between two instructions, as SIGKILL does, on a busy machine at the
same place as on an idle one.
"""

import importlib
import json
import os
import signal
import sys
import warnings


def main() -> None:
    import torch
    import torch._dynamo  # which torch loads when it makes its first Adam

    from fewshot_bench.backbones import BACKBONES
    from fewshot_bench.cli.main import main as bench
    from fewshot_bench.inner_optimizers import INNER_OPTIMIZERS
    from fewshot_bench.learners import LEARNERS
    from fewshot_bench.report import plots

    for name in ("cli.run", "cli.computing", "cli.live", "grid.run", "grid.validation", "grid.shards", "report.tables"):
        importlib.import_module(f"fewshot_bench.{name}")
    for table in (BACKBONES, INNER_OPTIMIZERS, LEARNERS):
        for factory in table.values():
            factory.load()

    torch.set_num_threads(1)
    plots.plot_new = lambda directory, cells=None: iter(())
    for line in sys.stdin:
        told = json.loads(line)
        with warnings.catch_warnings(action="ignore"):  # of threads that a child would lack
            pid = os.fork()
        if pid == 0:
            output = os.open(told["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            null = os.open(os.devnull, os.O_RDONLY)
            for ours, theirs in ((null, 0), (output, 1), (output, 2)):
                os.dup2(ours, theirs)
            exec(told["before"], {})
            if told["kill_after"] is not None:
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_PROF, told["kill_after"])
            try:
                status = bench(told["words"])
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
        _, how, used = os.wait4(pid, 0)
        print(json.dumps([os.waitstatus_to_exitcode(how), used.ru_utime + used.ru_stime]), flush=True)


if __name__ == "__main__":
    main()
