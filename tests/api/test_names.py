"""What `from fewshot_bench import ...` offers, and that asking for nothing costs nothing."""

import re
import subprocess
import sys

import pytest

import fewshot_bench
from tests.cli.test_help import SLOW


def loaded(program: str) -> set[str]:
    """Top-level packages that a program loads in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))


def test_importing_the_package_loads_nothing_slow():
    packages = loaded("import fewshot_bench")
    assert "fewshot_bench" in packages
    assert not packages & (SLOW | {"numpy", "PIL"})


def test_names_without_learners_load_no_torch():
    assert "torch" not in loaded("from fewshot_bench import BenchError, open_pool, sample_task, prepare_images")


def test_every_public_name_is_there_and_documented():
    assert set(fewshot_bench.__all__) == set(fewshot_bench._HOMES)
    assert set(fewshot_bench.__all__) <= set(dir(fewshot_bench))
    for name in fewshot_bench.__all__:
        found = getattr(fewshot_bench, name)
        assert found.__name__ == name
        assert found.__module__ == f"fewshot_bench.{fewshot_bench._HOMES[name]}"
        assert found.__doc__


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'open_poll'"):
        fewshot_bench.open_poll  # noqa: B018
