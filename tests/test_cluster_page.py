"""The scripts of docs/cluster.md: bash takes them, and what they call takes their options."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from fewshot_bench.cli import retry, run, status
from fewshot_bench.cli.parsing import parse
from fewshot_bench.grid.shards import parse_shard

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cluster.md"
SCRIPTS = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = {"run": run.Options, "status": status.Options, "retry": retry.Options}
SLURM = {
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_COUNT": "20",
    "SLURM_CPUS_PER_TASK": "4",
    "SLURM_JOB_NUM_NODES": "4",
    "SLURM_JOB_NODELIST": "node[1-4]",
    "SLURM_JOB_ID": "123456",
}
STAND_INS = {
    "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "scontrol": "printf 'node1\\nnode2\\n'",
    "ray": 'echo "ray $*" >> "$CALLS"',
    "uv": "true",
    "fewshot-bench": 'echo "fewshot-bench $* @$CUDA_VISIBLE_DEVICES@$OMP_NUM_THREADS" >> "$CALLS"',
}


def calls(script: str, folder: Path) -> list[str]:
    """What a script calls, where all that a cluster has are stand-ins."""
    for name, body in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    environment = SLURM | {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(folder / "calls")}
    words = ["bash", "-euo", "pipefail", "-c", script]
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True, timeout=600)
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_understands_it(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_its_commands_have_these_options(script, tmp_path):
    ours = [line.split("@")[0].split()[1:] for line in calls(script, tmp_path) if line.startswith("fewshot-bench")]
    assert ours
    for name, *words in ours:
        if name in COMMANDS:
            options = parse(COMMANDS[name], words, name)
            if isinstance(options, run.Options):
                assert options.grid == "gimli-omniglot"
        else:
            assert [name, *words] in (["data", "get", "omniglot"], ["report", "results/gimli-omniglot"])


def test_a_job_of_the_array_has_its_part(tmp_path):
    (script,) = [script for script in SCRIPTS if "--array=1-20" in script]
    (call,) = calls(script, tmp_path)
    assert parse_shard(parse(run.Options, call.split("@")[0].split()[2:], "run").shard) == (3, 20)
    assert call.endswith("@4")


def test_a_box_shares_its_gpus_out(tmp_path):
    (script,) = [script for script in SCRIPTS if "CUDA_VISIBLE_DEVICES" in script]
    found = sorted(call.split("--shard ")[1] for call in calls(script, tmp_path) if "--shard" in call)
    assert found == [f"{gpu + 1}/4 @{gpu}@4" for gpu in range(4)]


def test_ray_has_a_head_before_others_and_the_driver(tmp_path):
    (script,) = [script for script in SCRIPTS if "ray start" in script]
    found = calls(script, tmp_path)
    head, status = (
        next(i for i, call in enumerate(found) if call.startswith(start))
        for start in ("ray start --head", "ray status")
    )
    assert "--port=23456" in found[head]
    assert any(call.startswith("ray start --address=node1:23456") for call in found)
    assert any("--engine ray --address auto" in call for call in found)
    assert status >= 0
