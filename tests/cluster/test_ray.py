"""The extra installs, starts on this machine alone, and runs a function elsewhere."""

import os

import pytest

pytestmark = pytest.mark.cluster


def test_a_function_runs_in_another_process(monkeypatch):
    # Started by `uv run`, ray would pack the checkout and give each worker an environment of its own, by `uv run` too.
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    ray.init(num_cpus=1, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        where = ray.get(ray.remote(lambda: os.getpid()).remote(), timeout=300)
    finally:
        ray.shutdown()
    assert where != os.getpid()
