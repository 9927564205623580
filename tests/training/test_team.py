"""Processes that share a batch: each chunk is done once, and what goes wrong in one of them is told."""

import os
import signal

import pytest
import torch

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.training.programs.team import dismiss, fork, shared_like, together


def test_every_chunk_is_done_by_one_of_the_team():
    (places,) = shared_like([torch.zeros(7)])

    def work(chunk):
        places[chunk] = os.getpid()

    members = fork(3, work, 7)
    for _ in range(2):
        places.zero_()
        together(members, work, 7)
        pids = [os.getpid(), *(member.process.pid for member in members)]
        assert places.tolist() == [pids[chunk % 3] for chunk in range(7)]
    dismiss(members)
    assert not any(member.process.is_alive() for member in members)


def test_what_is_raised_in_a_member_is_raised():
    def work(chunk):
        if chunk == 1:
            raise ValueError("chunk 1 is odd")

    members = fork(2, work, 2)
    with pytest.raises(BenchError, match="ValueError: chunk 1 is odd"):
        together(members, work, 2)
    dismiss(members)


def test_a_member_that_was_killed_is_missed():
    members = fork(2, lambda chunk: None, 2)
    together(members, lambda chunk: None, 2)
    os.kill(members[0].process.pid, signal.SIGKILL)
    members[0].process.join()
    with pytest.raises(BenchError, match="a worker process is gone"):
        together(members, lambda chunk: None, 2)


def test_interrupting_is_for_the_one_in_front():
    members = fork(2, lambda chunk: None, 2)
    together(members, lambda chunk: None, 2)
    os.kill(members[0].process.pid, signal.SIGINT)
    together(members, lambda chunk: None, 2)
    dismiss(members)
