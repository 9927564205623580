"""All lines of the audit, and the words that pick some of them."""

from collections.abc import Sequence

from fewshot_bench.audit.adam_rows import ADAM_ROWS
from fewshot_bench.audit.batch_rows import BATCH_ROWS
from fewshot_bench.audit.implicit_rows import IMPLICIT_ROWS
from fewshot_bench.audit.maml_rows import MAML_ROWS
from fewshot_bench.audit.row import OURS, AuditRow
from fewshot_bench.audit.rule_rows import RULE_ROWS
from fewshot_bench.audit.torchopt_rows import TORCHOPT_ROWS, ZERO_ORDER_ROWS
from fewshot_bench.basics.errors import BenchError
from fewshot_bench.basics.names import unknown

ROWS: list[AuditRow] = [
    *MAML_ROWS,
    *BATCH_ROWS,
    *RULE_ROWS,
    *ADAM_ROWS,
    *IMPLICIT_ROWS,
    *TORCHOPT_ROWS,
    *ZERO_ORDER_ROWS,
]

SECTIONS = {
    "maml": "MAML: through 5 steps of gradient descent",
    "batches": "A batch of tasks in one program",
    "rules": "Inner optimizers that remember",
    "implicit": "Implicit gradients",
    "zero-order": "Gradients by function values",
}
"""Word -> title of a table."""

MAKERS = (OURS, "paper", "torch", "higher", "torchopt", "learn2learn", "torchmeta")
"""Whose implementations there are."""


def picked(words: Sequence[str]) -> list[AuditRow]:
    """The rows of any of the named tables by any of the named makers; where none is named, of all.

    Raises BenchError for a word that is neither.
    """
    for word in words:
        if word not in (*SECTIONS, *MAKERS):
            raise BenchError(unknown("table or maker", word, (*SECTIONS, *MAKERS)))
    sections = [word for word in words if word in SECTIONS] or list(SECTIONS)
    makers = [word for word in words if word in MAKERS] or list(MAKERS)
    return [row for row in ROWS if row.section in sections and row.by in makers]
