"""The checks of `doctor`: machine, packages, torch, data and disks. Each yields diagnoses with a remedy.

Numbers that a check compares are arguments of functions, so tests can pass those of other machines.
"""

import errno
import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.version import Version

from fewshot_bench.basics.counting import counted
from fewshot_bench.basics.errors import BenchError, DataError, GridError
from fewshot_bench.basics.memory import available_bytes
from fewshot_bench.basics.names import find
from fewshot_bench.basics.options import off_default, understood
from fewshot_bench.cells.cell import Cell
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.datasets import DATASETS, all_datasets, dataset_named, dataset_of, options_known, raw_data
from fewshot_bench.data.locations import cache_dir, default_data_dir, prepared_pool
from fewshot_bench.data.own import recorded_datasets
from fewshot_bench.data.pool import read_pool
from fewshot_bench.grid.files import TABLES, GridFile

Level = Literal["ok", "warning", "fault"]


class Diagnosis(NamedTuple):
    """The result of a check. level: "fault" if something needed is missing. about: subject. mend: command or advice."""

    level: Level
    about: str
    says: str
    mend: str = ""


Check = Callable[[], Iterable[Diagnosis]]


def checks(grid: GridFile | None, data_dir: Path, out: Path) -> dict[str, Check]:
    """The checks, in order.

    grid: the grid to run here, None for any; data_dir, out: folders of data and results.
    """
    needed = named_in(grid.content) if grid else frozenset()
    return {
        "machine": machine,
        "packages": packages,
        "torch": computing,
        "datasets": lambda: datasets(data_dir, needed),
        "own datasets": lambda: own_datasets(grid.content if grid else {}, data_dir),
        "data disk": lambda: [room("data disk", place_to_come(data_dir), bytes_to_come(data_dir, needed))],
        "locks": lambda: locks(out),
        "results disk": lambda: results_disk(out, grid, data_dir),
    }


def findings(of: Mapping[str, Check]) -> Iterator[Diagnosis]:
    """The diagnoses of all checks, in order. A check that raises an error gives a warning, and the next one follows."""
    for about, check in of.items():
        try:
            yield from check()
        except Exception as error:  # a machine may be odd in any way; the other checks still run
            yield Diagnosis("warning", about, f"could not be looked at ({_first_line(error)})")


def size(count: float) -> str:
    """Bytes in words: 1.5 GB, 20 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


# The machine

LITTLE_MEMORY = 2e9  # bytes; torch alone takes half a gigabyte of a process, and an engine may start several
FEW_FILES = 1024  # the usual limit of Linux; workers share tensors, and each takes a descriptor


def machine() -> Iterator[Diagnosis]:
    """Diagnoses of cores, memory and open files."""
    yield processor(usable_cores(), os.cpu_count() or 1)
    yield memory(available_bytes())
    yield from open_files()


def usable_cores() -> int:
    """The number of cores that this process may use: its affinity, limited by its container."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8")
    except OSError:
        limit = "max"
    return min(bound, cores_of(limit) or bound)


def cores_of(cpu_max: str) -> int | None:
    """Whole cores that a container's cpu.max ("QUOTA PERIOD" in microseconds) gives, 1 at least; None for no limit."""
    quota, _, period = cpu_max.strip().partition(" ")
    return max(1, int(quota) // int(period)) if quota.isdecimal() and period.isdecimal() and int(period) else None


def processor(usable: int, there: int) -> Diagnosis:
    """The diagnosis of cores. usable, there: cores that may be used, and that the machine has."""
    few = f" of the machine's {there}" if usable < there else ""
    return Diagnosis("ok", "processor", f"{counted(usable, 'core')}{few}")


def memory(available: int | None) -> Diagnosis:
    """The diagnosis of memory. available: bytes, None if unknown."""
    if available is None:
        return Diagnosis("ok", "memory", "this system does not tell how much is free")
    mend = "end other programs, or ask the scheduler for more" if available < LITTLE_MEMORY else ""
    return Diagnosis("warning" if mend else "ok", "memory", f"{size(available)} free", mend)


def open_files() -> Iterator[Diagnosis]:
    """The diagnosis of open files, if the system limits them."""
    try:
        import resource
    except ImportError:  # not a Unix
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield files_allowed(soft, hard, resource.RLIM_INFINITY)


def files_allowed(soft: int, hard: int, unlimited: int) -> Diagnosis:
    """soft, hard: the limit of open files of a process, and the largest limit; `unlimited` means no limit."""
    if soft == unlimited:
        return Diagnosis("ok", "open files", "no limit")
    if soft >= FEW_FILES:
        return Diagnosis("ok", "open files", f"{soft} a process")
    most = FEW_FILES if hard == unlimited else min(hard, FEW_FILES)
    return Diagnosis("warning", "open files", f"only {soft} a process", f"ulimit -n {most}")


# The packages

PACKAGE = "fewshot-bench"
EXTRAS = {
    "cluster": "run --engine ray",
    "peers": "comparisons with other libraries",
    "track": "TensorBoard and wandb",
}
"""Extra -> what it is for."""


def packages() -> Iterator[Diagnosis]:
    """Diagnoses of Python, this package, its requirements, and each extra."""
    yield Diagnosis("ok", "Python", platform.python_version())
    own = installed(PACKAGE)
    if own is None:
        says = "runs from a folder and is not installed, so what it needs cannot be told"
        yield Diagnosis("warning", PACKAGE, says, "pip install -e . in that folder")
        return
    yield Diagnosis("ok", PACKAGE, own)
    yield base(required(), installed)
    for extra in importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or ():
        yield of_extra(extra, required(extra), installed)


def required(extra: str = "") -> list[Requirement]:
    """The requirements of the package, or the additional ones of an extra."""
    needed = [Requirement(line) for line in importlib.metadata.requires(PACKAGE) or ()]
    by_itself = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    if not extra:
        return by_itself
    return [one for one in needed if one not in by_itself and one.marker and one.marker.evaluate({"extra": extra})]


def installed(name: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def base(needed: Sequence[Requirement], version: Callable[[str], str | None]) -> Diagnosis:
    """The diagnosis of the package's own requirements."""
    wrong = lacking(needed, version)
    if wrong:
        mend = " ".join(["pip install", *(f"'{one}'" for one in wrong)])
        return Diagnosis("fault", "packages", f"missing or too old: {', '.join(wrong)}", mend)
    return Diagnosis("ok", "packages", f"all {len(needed)} that it needs")


def of_extra(extra: str, needed: Sequence[Requirement], version: Callable[[str], str | None]) -> Diagnosis:
    """The diagnosis of an extra. A missing one is no fault: the line tells its purpose and how to install it."""
    wrong = lacking(needed, version)
    if not wrong:
        return Diagnosis("ok", f"extra {extra}", ", ".join(f"{one.name} {version(one.name)}" for one in needed))
    purpose = f"; for {EXTRAS[extra]}" if extra in EXTRAS else ""
    says = f"not installed: {', '.join(wrong)}{purpose}"
    return Diagnosis("ok", f"extra {extra}", says, f"uv sync --extra {extra}, or pip install -e '.[{extra}]'")


def lacking(needed: Sequence[Requirement], version: Callable[[str], str | None]) -> list[str]:
    """Missing or outdated requirements, as `name>=version`. A build (2.15+cpu) or candidate counts as its release."""
    versions = [(one, version(one.name)) for one in needed]
    return [
        f"{one.name}{one.specifier}"
        for one, has in versions
        if has is None or not one.specifier.contains(Version(has).base_version)
    ]


# What torch computes with

DRIVER = Path("/proc/driver/nvidia/version")
SHARED = Path("/dev/shm")
LITTLE_SHARED = 256e6  # bytes; a container has 64 MB unless told otherwise, and workers share each batch there


class Gpus(NamedTuple):
    """GPUs. names: of those that torch sees; built: torch's CUDA version, or None; driver: whether there is a driver.

    hidden: CUDA_VISIBLE_DEVICES if it is set; warned: torch's warning when it searched for GPUs.
    """

    names: tuple[str, ...]
    built: str | None
    driver: bool
    hidden: str | None
    warned: str


def computing() -> Iterator[Diagnosis]:
    """Diagnoses of torch, the GPU, threads and shared memory. torch takes seconds to load."""
    try:
        import torch
    except Exception as error:  # a library that it needs may be missing or incompatible
        mend = "uv sync, or pip install --force-reinstall torch"
        yield Diagnosis("fault", "torch", f"cannot be loaded ({_first_line(error)})", mend)
        return
    yield Diagnosis("ok", "torch", f"{torch.__version__}")
    yield gpu(_gpus())
    yield threads(torch.get_num_threads(), usable_cores())
    if SHARED.is_dir():
        yield shared(shutil.disk_usage(SHARED).free)


def _gpus() -> Gpus:
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    names = []
    for index in range(torch.cuda.device_count() if there else 0):
        free, whole = torch.cuda.mem_get_info(index)
        names.append(f"{torch.cuda.get_device_name(index)} ({size(free)} of {size(whole)} free)")
    warned = str(caught[0].message).splitlines()[0] if caught else ""
    driver = DRIVER.exists() or shutil.which("nvidia-smi") is not None
    return Gpus(tuple(names), torch.version.cuda, driver, os.environ.get("CUDA_VISIBLE_DEVICES"), warned)


def gpu(gpus: Gpus) -> Diagnosis:
    """Whether torch sees a GPU, and if not, why."""
    if gpus.names:
        return Diagnosis("ok", "GPU", f"{', '.join(gpus.names)}; torch is built for CUDA {gpus.built}")
    if not gpus.driver:
        return Diagnosis("ok", "GPU", "none; cells run on the CPU")
    if gpus.hidden is not None:
        says = f"torch sees none, since CUDA_VISIBLE_DEVICES is {gpus.hidden!r}; cells run on the CPU"
        return Diagnosis("warning", "GPU", says, "unset CUDA_VISIBLE_DEVICES")
    if gpus.built is None:
        says = "there is an NVIDIA driver, but torch is built without CUDA; cells run on the CPU"
        return Diagnosis("warning", "GPU", says, "install a torch with CUDA: https://pytorch.org/get-started/locally")
    why = f" ({gpus.warned})" if gpus.warned else ""
    says = f"there is an NVIDIA driver, but torch, built for CUDA {gpus.built}, sees no GPU{why}"
    mend = "nvidia-smi tells whether the driver works; update it, or install another torch"
    return Diagnosis("warning", "GPU", says, mend)


def threads(count: int, cores: int) -> Diagnosis:
    """The diagnosis of threads. count: threads of torch's CPU kernels; cores: usable cores."""
    if count > cores:
        says = f"torch takes {counted(count, 'thread')} on {counted(cores, 'core')}, which slows all of them"
        return Diagnosis("warning", "threads", says, f"export OMP_NUM_THREADS={cores}")
    setting = os.environ.get("OMP_NUM_THREADS")
    why = f", as OMP_NUM_THREADS={setting} says" if setting else ""
    return Diagnosis("ok", "threads", f"torch takes {count} on {counted(cores, 'core')}{why}")


def shared(free: int) -> Diagnosis:
    """The diagnosis of shared memory. free: bytes left in /dev/shm, through which workers share tensors."""
    if free < LITTLE_SHARED:
        mend = "start the container with --shm-size=1g, or give run --plan workers=1"
        return Diagnosis("warning", "shared memory", f"{size(free)} free in {SHARED}, which workers share", mend)
    return Diagnosis("ok", "shared memory", f"{size(free)} free in {SHARED}")


# The datasets


def datasets(data_dir: Path, needed: frozenset[str]) -> Iterator[Diagnosis]:
    """A diagnosis for each dataset. needed: names of datasets whose absence is a fault."""
    for known in all_datasets(data_dir):
        if known.draw_tasks is None:
            yield dataset(known, data_dir, needed)


def own_datasets(content: Mapping[str, Any], data_dir: Path) -> Iterator[Diagnosis]:
    """A diagnosis for each dataset that a grid names by import path, with the options of its table."""
    recorded = recorded_datasets(data_dir)
    for name in filter(lambda name: ":" in name, _names_in(content)):
        table = content.get(TABLES["dataset"], {}).get(name, {})
        try:
            known_options = options_known(name, data_dir)
            known = dataset_named(name, off_default(understood(table, known_options), known_options))
        except BenchError as error:
            yield Diagnosis("fault", name, str(error), "correct its function")
            continue
        if known.draw_tasks is None and (name, known.options) not in recorded:  # `datasets` lists the others
            yield dataset(known, data_dir, frozenset({name}))


def dataset(known: Dataset, data_dir: Path, needed: frozenset[str]) -> Diagnosis:
    """The diagnosis of one dataset."""
    place = prepared_pool(known, data_dir)
    return unprepared(known, data_dir, needed) if place is None else prepared(known, place, data_dir, needed)


def prepared(known: Dataset, place: Path, data_dir: Path, needed: frozenset[str]) -> Diagnosis:
    """The diagnosis of a prepared pool. Its images are not read; `data verify` reads them."""
    try:
        pool = read_pool(place)
    except DataError as error:
        return Diagnosis("fault" if known.name in needed else "warning", known.name, str(error))
    if pool.manifest.get("edition", 1) != known.edition:
        return Diagnosis("ok", known.name, f"prepared in {place} by an older release; made anew on first use")
    if not known.known_pools or pool.manifest["pool_hash"] in known.known_pools:
        return Diagnosis("ok", known.name, f"prepared in {place}, pool {pool.manifest['pool_hash'][:16]}")
    says = f"prepared in {place}, but its pixels are none that the package knows (another source or decoder)"
    return Diagnosis("warning", known.name, says, f"fewshot-bench data verify {known.name}{_option(data_dir)}")


def unprepared(known: Dataset, data_dir: Path, needed: frozenset[str]) -> Diagnosis:
    """The diagnosis of a dataset without a pool."""
    try:
        raw = raw_data(known, data_dir)
    except DataError:
        does = "get " + known.name if known.downloads else f"import {known.name} --from PATH"
        level: Level = "fault" if known.name in needed else "warning"
        return Diagnosis(level, known.name, f"not in {data_dir}", f"fewshot-bench data {does}{_option(data_dir)}")
    state = "drawn on first use, in seconds" if known.drawn else f"prepared on first use from {raw.where}"
    return Diagnosis("ok", known.name, state)


def place_to_come(data_dir: Path) -> Path:
    """The folder of pools that will be prepared: beside the raw data or, if that is read-only, the cache."""
    near = nearest(data_dir)
    return data_dir if os.access(near, os.W_OK) and near.stat().st_mode & 0o222 else cache_dir()


def named_in(content: Mapping[str, Any]) -> frozenset[str]:
    """The datasets that a grid file names. content: parsed TOML. Unknown names are ignored; `run` reports them."""
    return frozenset(name for name in _names_in(content) if name in DATASETS)


def _names_in(content: Mapping[str, Any]) -> list[str]:
    tables = [table for table in (content.get("grid"), *content.get("cells", ())) if isinstance(table, dict)]
    values = [value for table in tables for value in _listed(table.get("dataset", ()))]
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


SOME = 600  # images of a class, if a dataset's classes differ


def bytes_to_come(data_dir: Path, needed: frozenset[str]) -> int:
    """Bytes of the needed pools that are not prepared yet."""
    known = [dataset_named(name) for name in sorted(needed & DATASETS.keys())]
    missing = [one for one in known if one.draw_tasks is None and prepared_pool(one, data_dir) is None]
    return sum(one.classes * (one.examples or SOME) * math.prod(one.shape) for one in missing)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _option(data_dir: Path) -> str:
    return "" if data_dir == default_data_dir() else f" --data-dir {data_dir}"


# The disks, and the folder of results

LITTLE_ROOM = 200_000_000  # bytes: one cell of the largest network with its checkpoints
A_STEP = 120  # bytes of a line of metrics.jsonl (maml++); other learners log a little more
WHOLE = 6  # times the weights: two checkpoints with Adam's two moments; that of an epoch has the weights once
LITTLE = 100_000  # bytes of a cell's other files
KEPT_OUT = 3
SECOND = f"""
import sys
from filelock import FileLock, Timeout
try:
    FileLock(sys.argv[1]).acquire(timeout=0)
except Timeout:
    sys.exit({KEPT_OUT})
"""
"""The code of a second process: on some network disks only another process can show that a lock works."""


def room(about: str, folder: Path, needed: int) -> Diagnosis:
    """The diagnosis of the disk of a folder, which need not exist yet. needed: bytes that will be written."""
    near = nearest(folder)
    free = shutil.disk_usage(near).free
    if free < needed:
        says = f"{size(free)} free on the disk of {near}, where about {size(needed)} will be written"
        return Diagnosis("fault", about, says, "free some space, or choose a folder on another disk")
    wanted = f"; about {size(needed)} will be written" if needed else ""
    return Diagnosis("ok", about, f"{size(free)} free on the disk of {near}{wanted}")


def results_disk(out: Path, grid: GridFile | None, data_dir: Path) -> Iterator[Diagnosis]:
    """The diagnosis of the disk for the cells of the grid that are not done."""
    from fewshot_bench.cells import folders
    from fewshot_bench.grid.expand import expand

    if grid is None:
        yield room("results disk", out, LITTLE_ROOM)
        return
    try:
        cells = expand(grid, data_dir)
    except GridError as error:
        yield Diagnosis(
            "fault",
            "grid",
            error.problems[0],
            f"fewshot-bench run {grid.where.removeprefix('preset ')} --dry-run tells all",
        )
        return
    left = [cell for cell in cells if not folders.is_done(folders.folder_of(out, cell))]
    yield room("results disk", out, bytes_of(left))


def bytes_of(cells: Iterable[Cell]) -> int:
    """About how many bytes these cells will take, mostly checkpoints in float32. Builds each network once."""
    from fewshot_bench.grid.axes import SEAMS

    weights: dict[tuple, int] = {}
    total = 0
    for cell in cells:
        key = (cell.backbone, cell.backbone_options, dataset_of(cell).shape, cell.ways)
        if key not in weights:
            make = find("backbone", cell.backbone, SEAMS["backbone"])
            network = make(dataset_of(cell).shape, cell.ways, **dict(cell.backbone_options))
            weights[key] = 4 * sum(tensor.numel() for tensor in network.parameters())
        kept = WHOLE + cell.evaluation.ensemble if cell.training.iterations else 1
        total += kept * weights[key] + A_STEP * cell.training.iterations + LITTLE
    return total


def locks(folder: Path) -> Iterator[Diagnosis]:
    """The diagnosis of locks in the results folder, or in the nearest existing folder. Leaves no files."""
    try:
        near = nearest(folder)
        with tempfile.TemporaryDirectory(dir=near, prefix=".doctor-") as place:
            yield _second_process(near, Path(place) / "lock")
    except OSError as error:
        says = f"cannot write into {folder}: {error.strerror}"
        yield Diagnosis("fault", "results folder", says, "run --out another folder")


def _second_process(near: Path, path: Path) -> Diagnosis:
    try:
        with FileLock(path, timeout=5):
            done = subprocess.run(
                [sys.executable, "-c", SECOND, path], capture_output=True, text=True, check=False, timeout=30
            )
    except (OSError, NotImplementedError) as error:  # a disk without locks
        return unlocked(near, f"are refused ({error})")
    if done.returncode == 0:
        return unlocked(near, "keep nobody out")
    if done.returncode != KEPT_OUT:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Diagnosis("warning", "locks", f"a second process could not try the lock ({last})")
    return Diagnosis("ok", "locks", f"work in {near}: of two runs on one folder, only one takes a cell")


def unlocked(near: Path, what: str) -> Diagnosis:
    """The diagnosis of a disk on which locks do not work."""
    says = f"locks in {near} {what}: two runs on one folder could take the same cell"
    return Diagnosis("fault", "locks", says, "run --out a folder on a disk with locks, or mount this one with them")


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists. Raises NotADirectoryError if a file is in the way."""
    whole = folder.absolute()
    there = next(path for path in (whole, *whole.parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{there} is a file")
    return there
