"""Faults that a sentence explains. The command line prints the sentence; nobody needs a traceback for them."""


class BenchError(Exception):
    """Bad input or surroundings: the message says what is wrong, where, and what to do."""


class DataError(BenchError):
    """Raw data or a prepared pool is missing, broken or not what it claims to be."""


class GridError(BenchError):
    """A grid asks for what does not exist or cannot be. `problems` holds every fault found, one sentence each."""

    def __init__(self, problems: list[str], where: str) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{count} in {where}:\n" + "\n".join(f"  - {problem}" for problem in problems))


class CellError(BenchError):
    """One cell cannot go on; the others can. The message becomes the cell's reason in the table."""
