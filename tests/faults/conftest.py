"""One preloaded process for all tests of this folder: loading takes it seconds."""

from collections.abc import Iterator

import pytest

from tests.faults.runs import Forker, forker


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, cache: object) -> Iterator[Forker]:
    """The process, with the user's cache where the tests have it."""
    with forker(tmp_path_factory.mktemp("forker")) as one:
        yield one
