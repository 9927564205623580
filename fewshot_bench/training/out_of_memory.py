"""Whether an error says that memory did not suffice: it has many names."""

import torch

from fewshot_bench.basics.memory import NoRoomError

_WORDS = ("can't allocate memory", "not enough memory", "MemoryError:", "out of memory")
"""Of torch's allocator on a CPU, which raises a RuntimeError, and of errors that other processes handed on as text."""


def out_of_memory(error: BaseException) -> bool:
    kinds = (NoRoomError, torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(words in str(error) for words in _WORDS)
