"""glyphs: letters of 13 scripts in the fonts that matplotlib ships, drawn on first use. No download."""

from pathlib import Path

from fewshot_bench.basics.about import AboutDataset
from fewshot_bench.data.dataset import Dataset
from fewshot_bench.data.drawings import as_grey_drawing
from fewshot_bench.data.pool import Pool, Progress
from fewshot_bench.data.raw import CHARACTER, Raw
from fewshot_bench.data.splits import read_splits

EDITION = 2  # raised when letters or their drawing change; glyph_drawing.py has the same number, and a test compares

NAMES: dict[str, AboutDataset] = {
    "glyphs": {
        "title": "glyphs",
        "licence": "of the DejaVu fonts, whose letters they are: free to use",
        "cite": {"hunter2007": "the fonts it is drawn from come with matplotlib"},
        "splits": {"scripts": {}},
    },
}


def glyphs() -> Dataset:
    """1,120 letters of 13 scripts, 20 images each, drawn in the DejaVu fonts and bent. Laid out like Omniglot."""
    return Dataset(
        name="glyphs",
        shape=CHARACTER,
        splits=read_splits("glyphs", ("scripts",)),
        find_raw=_find,
        layouts="none needed, glyphs is drawn",
        examples=20,
        rotations=True,
        title=NAMES["glyphs"]["title"],
        drawn=True,
        prepare=as_grey_drawing,
        edition=EDITION,
    )


def _find(path: Path) -> Raw:
    """Glyphs are drawn and not read, so there is always raw data."""
    return Raw("letters of the fonts that matplotlib ships", path, _draw)


def _draw(folder: Path, progress: Progress) -> Pool:
    from fewshot_bench.data.glyph_drawing import make_glyphs  # takes a second to import, and only drawing needs it

    return make_glyphs(folder, progress)
