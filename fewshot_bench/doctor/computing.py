"""What torch computes with: its device as torch sees it, threads, and the memory that worker processes share."""

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.counting import counted
from fewshot_bench.doctor.finding import Finding, size
from fewshot_bench.doctor.machine import usable_cores

DRIVER = Path("/proc/driver/nvidia/version")
SHARED = Path("/dev/shm")
LITTLE_SHARED = 256e6  # bytes; a container has 64 MB unless told otherwise, and workers share each batch there


class Gpus(NamedTuple):
    """names: of the GPUs that torch sees; built: torch's CUDA version, None without; driver: whether there is one.

    hidden: CUDA_VISIBLE_DEVICES where it is set; warned: what torch complained of when it looked.
    """

    names: tuple[str, ...]
    built: str | None
    driver: bool
    hidden: str | None
    warned: str


def computing() -> Iterator[Finding]:
    """Lines about torch, the GPU, threads and shared memory. torch takes seconds to load."""
    try:
        import torch
    except Exception as error:  # a library that it needs may be missing, or be of another kind
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Finding("fault", "torch", f"cannot be loaded ({what})", "uv sync, or pip install --force-reinstall torch")
        return
    yield Finding("ok", "torch", f"{torch.__version__}")
    yield gpu(_gpus())
    yield threads(torch.get_num_threads(), usable_cores())
    if SHARED.is_dir():
        yield shared(shutil.disk_usage(SHARED).free)


def gpu(found: Gpus) -> Finding:
    """What torch makes of the GPUs."""
    if found.names:
        return Finding("ok", "GPU", f"{', '.join(found.names)}; torch is built for CUDA {found.built}")
    if not found.driver:
        return Finding("ok", "GPU", "none; cells run on the CPU")
    if found.hidden is not None:
        says = f"torch sees none, since CUDA_VISIBLE_DEVICES is {found.hidden!r}; cells run on the CPU"
        return Finding("warning", "GPU", says, "unset CUDA_VISIBLE_DEVICES")
    if found.built is None:
        says = "there is an NVIDIA driver, but torch is built without CUDA; cells run on the CPU"
        return Finding("warning", "GPU", says, "install a torch with CUDA: https://pytorch.org/get-started/locally")
    why = f" ({found.warned})" if found.warned else ""
    says = f"there is an NVIDIA driver, but torch, built for CUDA {found.built}, sees no GPU{why}"
    return Finding(
        "warning", "GPU", says, "nvidia-smi tells whether the driver works; update it, or install another torch"
    )


def threads(count: int, cores: int) -> Finding:
    """count: threads of torch's CPU kernels; cores: that it may use."""
    if count > cores:
        says = f"torch takes {counted(count, 'thread')} on {counted(cores, 'core')}, which slows all of them"
        return Finding("warning", "threads", says, f"export OMP_NUM_THREADS={cores}")
    said = os.environ.get("OMP_NUM_THREADS")
    why = f", as OMP_NUM_THREADS={said} says" if said else ""
    return Finding("ok", "threads", f"torch takes {count} on {counted(cores, 'core')}{why}")


def shared(free: int) -> Finding:
    """free: bytes left in /dev/shm, through which worker processes share tensors."""
    if free < LITTLE_SHARED:
        mend = "start the container with --shm-size=1g, or give run --plan workers=1"
        return Finding("warning", "shared memory", f"{size(free)} free in {SHARED}, which workers share", mend)
    return Finding("ok", "shared memory", f"{size(free)} free in {SHARED}")


def _gpus() -> Gpus:
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    names = []
    for index in range(torch.cuda.device_count() if there else 0):
        free, whole = torch.cuda.mem_get_info(index)
        names.append(f"{torch.cuda.get_device_name(index)} ({size(free)} of {size(whole)} free)")
    said = str(caught[0].message).splitlines()[0] if caught else ""
    driver = DRIVER.exists() or shutil.which("nvidia-smi") is not None
    return Gpus(tuple(names), torch.version.cuda, driver, os.environ.get("CUDA_VISIBLE_DEVICES"), said)
