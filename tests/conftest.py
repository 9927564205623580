"""Real data where this machine has some: in $FEWSHOT_DATA, datasets/, or a data folder beside the checkout."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch, for workers and subprocesses: threads fight for the cores

import atexit
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.data.locations import prepared_pool, raw_places
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.splits import make_split, read_split
from tests.forkserver import fork_server
from tests.no_skips import pytest_configure as pytest_configure
from tests.pattern_data import write_patterns

if sys.dont_write_bytecode:  # else each process that a test starts compiles torch again, in 2 to 5 s
    sys.dont_write_bytecode = False
    sys.pycache_prefix = tempfile.mkdtemp(prefix="fewshot-bench-bytecode-")
    atexit.register(shutil.rmtree, sys.pycache_prefix, ignore_errors=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

FORKS = "FEWSHOT_BENCH_FORKS"
"""The variable by which the first process of a session tells the others where its fork server is."""

CHECKOUT = Path(__file__).resolve().parents[1]
DATA_FOLDERS = [
    *([Path(os.environ["FEWSHOT_DATA"])] if os.environ.get("FEWSHOT_DATA") else []),
    CHECKOUT / "datasets",
    CHECKOUT.parent / "shared" / "data",
]


@pytest.fixture(scope="session", autouse=True)
def cache() -> Iterator[Path]:
    """Pools that do not fit beside their raw data go here instead of the user's cache; subprocesses inherit it."""
    with tempfile.TemporaryDirectory(prefix="fewshot-bench-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        yield Path(folder)


def real_data(name: str) -> Path:
    """The data folder that has `name`; skips the test where none has."""
    for folder in DATA_FOLDERS:
        known = dataset_named(name)
        if prepared_pool(known, folder) or any(map(known.find_raw, raw_places(known, folder))):
            return folder
    return pytest.skip(f"no {name} in $FEWSHOT_DATA, datasets/ or a data folder beside the checkout")


def pytest_sessionstart(session: pytest.Session) -> None:
    """All processes of a session share a fork server, which loads torch when a test first asks it for a run."""
    if not hasattr(session.config, "workerinput"):
        stack = ExitStack()
        os.environ[FORKS] = stack.enter_context(fork_server())
        session.config.add_cleanup(stack.close)


@pytest.fixture(scope="session")
def forks() -> str:
    """The server's socket."""
    return os.environ[FORKS]


@pytest.fixture(scope="session")
def python(forks: str) -> list[str]:
    """Words of a command line that do what `sys.executable` does, without loading torch anew, which takes seconds."""
    return [sys.executable, "-I", "-S", str(CHECKOUT / "tests" / "forkclient.py"), forks]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and lose much where the cores are busy."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no figures, which take longer than a small cell."""
    from fewshot_bench.report import plots

    monkeypatch.setattr(plots, "plot_new", lambda directory, cells=None: iter(()))


@pytest.fixture(scope="session")
def omniglot_data(cache: Path) -> Path:
    """A data folder with real Omniglot."""
    return real_data("omniglot")


@pytest.fixture(scope="session")
def mini_imagenet_data(cache: Path) -> Path:
    """A data folder with real mini-ImageNet."""
    return real_data("mini-imagenet")


@pytest.fixture(scope="session")
def omniglot_pool(omniglot_data: Path) -> Pool:
    """Real Omniglot; about 4 s the first time in a session."""
    return open_pool(dataset_named("omniglot"), omniglot_data)


@pytest.fixture(scope="session")
def mini_imagenet_pool(mini_imagenet_data: Path) -> Pool:
    """Real mini-ImageNet; about 30 s the first time in a session."""
    return open_pool(dataset_named("mini-imagenet"), mini_imagenet_data)


def made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """A folder that the first process of this session to ask for it fills, and all others use."""
    session = factory.getbasetemp()
    session = session.parent if "PYTEST_XDIST_WORKER" in os.environ else session
    folder = session / name
    with FileLock(session / f"{name}.lock"):
        if not folder.exists():
            unfinished = factory.mktemp(name)
            fill(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def pattern_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose Omniglot is a stand-in, for tests of everything but data."""
    return made_once(tmp_path_factory, "patterns", write_patterns)


@pytest.fixture(scope="session")
def pattern_pool(pattern_data: Path) -> Pool:
    """The stand-in's pool."""
    return open_pool(dataset_named("omniglot"), pattern_data)


@pytest.fixture
def few_training_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 of Omniglot's training classes instead of 1,200: a few meta-steps show a network each of them often."""
    from fewshot_bench.training import assembly

    known = read_split("omniglot", "gimli")
    split = make_split("gimli", {"train": known.train[:40], "val": known.val, "test": known.test})
    few = dataset_named("omniglot")._replace(splits={"gimli": split})
    monkeypatch.setattr(assembly, "dataset_of", lambda cell: few)


@pytest.fixture(scope="session")
def glyphs_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the glyphs, drawn once in a session: about 10 s."""
    return made_once(tmp_path_factory, "glyphs", partial(open_pool, dataset_named("glyphs")))


@pytest.fixture
def newcomers(glyphs_data: Path) -> dict[str, str]:
    """The environment of somebody who has the glyphs and no settings; Python's compiled code is where tests have it."""
    compiled = {name: value for name, value in os.environ.items() if name == "PYTHONPYCACHEPREFIX"}
    return {"FEWSHOT_DATA": str(glyphs_data), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"} | compiled


@pytest.fixture(scope="session")
def glyphs_pool(glyphs_data: Path) -> Pool:
    """The glyphs."""
    return open_pool(dataset_named("glyphs"), glyphs_data)
