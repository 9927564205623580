"""Write docs/reference/presets.md, the table of presets, from the comments at the top of the preset files.

    uv run docs/site/presets_page.py

A test makes the page again and compares.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from fewshot_bench.grid.files import presets

PAGE = Path(__file__).resolve().parents[1] / "reference" / "presets.md"

PUBLISHED_BUDGET = re.compile(r"^# Costs: \d+ cells? (x \d+ seeds )?of", re.MULTILINE)
"""Presets of published tables begin their cost with the number of cells and of meta-steps."""

TEMPLATE = """# Presets

A preset is a grid file that comes with the package. `uv run run_bench.py run NAME` runs it; with `--dry-run` it only
lists the cells. `uv run run_bench.py list preset NAME` prints the file: the recipe with its sources, what was not
copied from the published code, and the published numbers. [Reproduce a published table](../reproducing-a-table.md)
runs a preset, and a part of one.

"Estimated" costs are computed from the rates of [performance](../performance.md), measured on two CPU cores.
`uv run docs/site/presets_page.py` writes this page from the files in `fewshot_bench/presets`.

## Small budgets

| preset | what it runs | cost |
| --- | --- | --- |
{small}
## Published tables, at the published budget

| preset | what it runs | cost |
| --- | --- | --- |
{published}"""


def page(texts: Mapping[str, str]) -> str:
    """The page. texts: preset name -> its file's text."""
    published = {name: text for name, text in texts.items() if PUBLISHED_BUDGET.search(text)}
    small = {name: text for name, text in texts.items() if name not in published}
    return TEMPLATE.format(small=_rows(small), published=_rows(published))


def _rows(texts: Mapping[str, str]) -> str:
    return "".join(f"| `{name}` | {_what(text)} | {_cost(text)} |\n" for name, text in texts.items())


def _what(text: str) -> str:
    """The first paragraph of the comment at the top."""
    return _sentence(re.findall(r"\A((?:# .*\n)+)", text)[0])


def _cost(text: str) -> str:
    """The paragraph that begins with "Costs:"."""
    cost = _sentence(re.findall(r"^# Costs: (.*\n(?:# (?!One cell).*\n)*)", text, re.MULTILINE)[0])
    cost = re.sub(r"[;,] estimated from the rates of docs/performance\.md", ", estimated", cost)
    return cost.replace(" (docs/performance.md)", "")


def _sentence(comment: str) -> str:
    return " ".join(re.sub(r"^# ", "", comment, flags=re.MULTILINE).split()).removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(page(presets()), encoding="utf-8")
