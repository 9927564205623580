"""What the package's learners and datasets say of themselves: title, citations, published numbers, options.

Each file of learners/ has a literal `NAMES: dict[str, About]`, and each dataset's file in data/ a literal
`NAMES: dict[str, AboutDataset]`. They are read from the file's syntax tree, so that reports and `cite`, which do
without torch, need not import learners.
"""

import ast
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

NAMES = "NAMES"
"""The constant that is read; its value is a literal, without calls, names or f-strings."""


BatchNorm = Literal["transductive", "inductive"]


class Traits(NamedTuple):
    """What others have to know of a learner.

    batch_norm: how queries are normalised, part of the protocol that a number stands for. inner_loop: whether it adapts
    with the inner optimizer; without, a grid has one cell of it for all of them. any_ways: whether it may be trained on
    tasks of other ways than it is tested on. only_classes: whether it needs tasks of classes, so that it cannot learn
    regression.
    """

    batch_norm: BatchNorm = "transductive"
    inner_loop: bool = True
    any_ways: bool = False
    only_classes: bool = False


class Comparable(TypedDict):
    """The numbers of one method in one source of report/paper_numbers.csv, which stand beside rows of a learner.

    recipe: what the numbers stand for. batch_norm: of the rows ("transductive" if absent); None: any. backbone,
    inner_optimizer: of the rows ("vgg", "sgd"); None: as the source's own line has it. std: whether the number behind
    ± is a standard deviation over seeds. quoted: whose numbers the source repeats, in a sentence. options: of the
    learner, that the rows have.
    """

    source: str
    method: str
    recipe: str
    batch_norm: NotRequired[str | None]
    backbone: NotRequired[str | None]
    inner_optimizer: NotRequired[str | None]
    std: NotRequired[bool]
    quoted: NotRequired[str]
    options: NotRequired[dict[str, Any]]


class About(TypedDict):
    """One name in a grid.

    title: what sets it apart, a line without a full stop. learns: what is meta-learned. gradient: how its meta-gradient
    is computed. cite: key of report/references.bib -> why it is cited. metrics: what it logs beside loss, accuracy and
    meta_rate, by name -> meaning. published: numbers that stand beside its rows. options: where its options' defaults
    differ from the function's. inner_loop, any_ways, only_classes: its Traits, if they are not the usual ones.
    """

    title: str
    learns: str
    gradient: str
    cite: dict[str, str]
    metrics: NotRequired[dict[str, str]]
    published: NotRequired[list[Comparable]]
    options: NotRequired[dict[str, Any]]
    inner_loop: NotRequired[bool]
    any_ways: NotRequired[bool]
    only_classes: NotRequired[bool]


class AboutDataset(TypedDict):
    """One dataset.

    title: its name in print. licence: of its images. cite: as in About. splits: the same by split. regression: whether
    its loss is the squared error.
    """

    title: str
    licence: str
    cite: dict[str, str]
    splits: dict[str, dict[str, str]]
    regression: NotRequired[bool]


@cache
def datasets() -> dict[str, AboutDataset]:
    """Name of a dataset -> what it says of itself, in the order of files."""
    return _names_below("data")


@cache
def learners() -> dict[str, About]:
    """Name of a learner -> what it says of itself, in the order of files and of names in them."""
    return _names_below("learners")


def _names_below(folder: str) -> dict[str, Any]:
    """The names that all files of a folder of the package define."""
    place = files("fewshot_bench").joinpath(folder)
    paths = sorted((file for file in place.iterdir() if file.name.endswith(".py")), key=lambda file: file.name)
    texts = [text for path in paths if f"\n{NAMES}: " in (text := path.read_text(encoding="utf-8"))]
    return {name: about for text in texts for name, about in literal(text, NAMES).items()}


@cache
def names_in(stem: str) -> dict[str, About]:
    """The names that a file of learners/ defines, called without its suffix."""
    file = files("fewshot_bench").joinpath("learners", f"{stem}.py")
    return literal(file.read_text(encoding="utf-8"), NAMES) or {}


def literal(source: str, name: str) -> Any:
    """The value of a module's annotated constant, a literal; None if the module has no such constant.

    Raises ValueError if the value is not a literal.
    """
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and statement.value and ast.unparse(statement.target) == name:
            return ast.literal_eval(statement.value)
    return None
