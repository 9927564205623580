"""How much memory a computation takes, counted from the tensors that it makes."""

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak(computation) -> int:
    """The most bytes that tensors made by `computation()` held at one time."""
    with _Meter() as meter:
        computation()
    return meter.peak


class _Meter(TorchDispatchMode):
    """Counts storages, not tensors: a view holds nothing of its own.

    What is gone is looked for where the count would otherwise rise above the peak so far, and only there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak, self._held, self._alive = 0, 0, {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for storage in (leaf.untyped_storage() for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor)):
            before = self._alive.get(storage._cdata)
            self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            self._held += storage.nbytes() - (before[1] if before else 0)
        if self._held > self.peak:
            self._alive = {key: held for key, held in self._alive.items() if not held[0].expired()}
            self._held = sum(size for _, size in self._alive.values())
            self.peak = max(self.peak, self._held)
        return made
