"""Writes the tables and figures of docs/reproduction.md, from the runs committed in results/reference.

    uv run benchmarks/reproduction.py [--docs docs]

Tables stand in the page between `<!-- made: NAME -->` and `<!-- /made -->`; all else in it is left as it is.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.reproduced import Run, reproduced
from benchmarks.reproduction_figures import curves_figure, learned_figures, save
from benchmarks.reproduction_tables import against_published, learned, sensitivity

FIGURES_2_AND_3 = Run("gimli-omniglot-20-way-cpu", "gimli-omniglot")
"""Whose learned rates and betas are drawn: the network and the task of the paper's figures."""

OMNIGLOT = (
    Run("gimli-omniglot-gpu", "gimli-omniglot"),
    Run("gimli-omniglot-cpu", "gimli-omniglot"),
    Run("gimli-omniglot-networks-cpu", "gimli-omniglot"),
    FIGURES_2_AND_3,
)
MINI_IMAGENET = (
    Run("gimli-mini-imagenet-cpu", "gimli-mini-imagenet"),
    Run("gimli-mini-imagenet-inner-rate-cpu", "gimli-mini-imagenet"),
)
REPTILE = (Run("reptile-omniglot-cpu", "reptile-omniglot"),)
IMAML = (
    Run("imaml-omniglot-preset-cpu", "imaml-omniglot"),
    Run("imaml-omniglot-cpu", "imaml-omniglot"),
    Run("imaml-released-omniglot-cpu", "imaml-released-omniglot"),
)
ALL = (*OMNIGLOT, *MINI_IMAGENET, *REPTILE, *IMAML)

CURVES = (*((run,) for run in OMNIGLOT), MINI_IMAGENET, REPTILE, IMAML)
"""The runs that are drawn together: those of one task whose budgets are alike."""

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = "reproduction.md"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=DOCS, help="where reproduction.md and figures/ lie")
    folder = parser.parse_args(words).docs
    page = folder / PAGE
    page.write_text(filled(page.read_text(encoding="utf-8"), tables()), encoding="utf-8")
    save(curves_figure(CURVES), folder / "figures" / "reproduction-curves.png")
    for rule, figure in learned_figures(FIGURES_2_AND_3).items():
        save(figure, folder / "figures" / f"reproduction-learned-{rule}.png")


def tables() -> dict[str, str]:
    """By the name that they have in the page."""
    published = {"omniglot": OMNIGLOT, "mini-imagenet": MINI_IMAGENET, "reptile": REPTILE, "imaml": IMAML}
    made = {name: against_published(reproduced(runs)) for name, runs in published.items()}
    return made | {"learned": learned(ALL), "sensitivity": sensitivity(ALL)}


def filled(page: str, made: Mapping[str, str]) -> str:
    """The page with its tables made anew. Raises ValueError where it has not one place for each."""
    places = re.findall(r"<!-- made: (.+?) -->", page)
    if sorted(places) != sorted(made):
        raise ValueError(f"the page has places for {sorted(places)}, but there are {sorted(made)}")
    return re.sub(
        r"(<!-- made: (.+?) -->\n).*?(\n<!-- /made -->)",
        lambda match: match[1] + "\n" + made[match[2]] + "\n" + match[3],
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    main()
