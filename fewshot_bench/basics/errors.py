"""Errors of the user, with messages that say what to fix. The command line prints them without a traceback."""

from fewshot_bench.basics.counting import counted


class BenchError(Exception):
    """A user error: bad input, data or environment. The message says what is wrong, where, and what to do.

    Examples:
        >>> open_pool("omniglott")
        Traceback (most recent call last):
        BenchError: unknown dataset 'omniglott' (did you mean 'omniglot'?). Known: glyphs, mini-imagenet, omniglot.
    """


class DataError(BenchError):
    """Raw data or a prepared pool is missing, damaged, or not the dataset that it claims to be."""


class GridError(BenchError):
    """A grid has invalid entries. `problems` has one sentence for each."""

    def __init__(self, problems: list[str], where: str) -> None:
        self.problems = problems
        super().__init__(
            f"{counted(len(problems), 'problem')} in {where}:\n" + "\n".join(f"  - {problem}" for problem in problems)
        )


class CellError(BenchError):
    """One cell failed; others can go on. The message becomes the cell's reason in the table."""


EXPLAINED = {
    "data-dependent control flow": "it looks at a tensor's value in Python (if, while, float(), .item()), but tasks "
    "computed together (vmap) have different ones. Use torch.where, and tensors.",
    "data-dependent expression": "it looks at a tensor's value in Python (if, while, float(), .item()), so its "
    "operations cannot be recorded once and replayed for all tasks. Use torch.where, and tensors.",
    "in-place operation": "it changes a tensor in place whose old value is still needed. Write p = p - x, not p -= x.",
    "inplace arithmetic": "it changes a tensor in place that tasks share. Write p = p - x, not p -= x.",
    "doesn't match the broadcast shape": "it changes a tensor in place that tasks share (write p = p - x, not p -= x), "
    "or its sizes do not fit these images.",
    "called random operation": "it draws from torch's global generator, and tasks computed together (vmap) would share "
    "the draw.",
    "saved tensor hooks": "it uses gradient checkpointing, which torch.func cannot differentiate. Switch it off; "
    "--plan recompute=true saves memory here.",
    "must override the setup_context staticmethod": "it uses a torch.autograd.Function without `setup_context`, which "
    "torch.func cannot differentiate; gradient checkpointing with use_reentrant=True is one. Give the function "
    "setup_context and a vmap rule, or switch checkpointing off: --plan recompute=true saves memory here.",
}
"""Part of a torch error message -> what it means for the user's code, and what to do."""


def explained(error: Exception) -> str:
    """One line that explains an error raised by a user's network, learner or inner optimizer."""
    told = next((meaning for words, meaning in EXPLAINED.items() if words in str(error)), None)
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return told or (first if isinstance(error, BenchError) else f"{type(error).__name__}: {first}")
