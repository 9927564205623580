"""Processes that share a batch: each chunk is done once, and what goes wrong in one of them is told."""

import os
import signal

import pytest
import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.programs.workers import compute_all, fork, shared_like, shutdown


def test_every_chunk_is_done_by_one_of_the_team():
    (places,) = shared_like([torch.zeros(7)])

    def work(chunk):
        places[chunk] = os.getpid()

    workers = fork(3, work, 7)
    for _ in range(2):
        places.zero_()
        compute_all(workers, work, 7)
        pids = [os.getpid(), *(member.process.pid for member in workers)]
        assert places.tolist() == [pids[chunk % 3] for chunk in range(7)]
    shutdown(workers)
    assert not any(member.process.is_alive() for member in workers)


def test_what_is_raised_in_a_member_is_raised():
    def work(chunk):
        if chunk == 1:
            raise ValueError("chunk 1 is odd")

    workers = fork(2, work, 2)
    with pytest.raises(BenchError, match="ValueError: chunk 1 is odd"):
        compute_all(workers, work, 2)
    shutdown(workers)


def test_a_member_that_was_killed_is_missed():
    workers = fork(2, lambda chunk: None, 2)
    compute_all(workers, lambda chunk: None, 2)
    os.kill(workers[0].process.pid, signal.SIGKILL)
    workers[0].process.join()
    with pytest.raises(BenchError, match="a worker process is gone"):
        compute_all(workers, lambda chunk: None, 2)


def test_interrupting_is_for_the_one_in_front():
    workers = fork(2, lambda chunk: None, 2)
    compute_all(workers, lambda chunk: None, 2)
    os.kill(workers[0].process.pid, signal.SIGINT)
    compute_all(workers, lambda chunk: None, 2)
    shutdown(workers)
