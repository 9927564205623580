"""Runs of this folder are forked: a test starts many."""

import pytest

from tests.faults.runs import Forker


@pytest.fixture(scope="session")
def made(forks: str, tmp_path_factory: pytest.TempPathFactory) -> Forker:
    """What starts them."""
    return Forker(forks, tmp_path_factory.mktemp("forked") / "output.txt")
