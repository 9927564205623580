"""The embedded letters: which they are, that no two look alike, and that the same ones are drawn everywhere."""

import json
import unicodedata
from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import PIL
import pytest

from fewshot_bench.data import glyph_letters
from fewshot_bench.data.glyph_drawing import (
    CLASSES,
    EXAMPLES,
    NUMBERS,
    SHAPE,
    examples_of,
    face_order,
    make_glyphs,
    vary,
)
from fewshot_bench.data.glyph_faces import FACES, Ink, draw, faces_with, letters_of
from fewshot_bench.data.glyph_letters import FEWEST, PARTS, SPLIT_FILE, class_name, letter_of, listed, lookalikes
from fewshot_bench.data.pool import Pool

MADE_WITH = ("3.11.2", "13.0.0")  # matplotlib (its fonts) and Pillow (its rasteriser), as pyproject.toml pins them
POOL_HASH = "5f23abee2cda312f9ea2a6e1837be0d57497630d98291321946ed2fb31dfb87f"
IN_SCRIPT = {
    "Arabic": 100, "Armenian": 58, "Canadian": 283, "Cyrillic": 154, "Georgian": 103, "Greek": 42, "Hebrew": 29,
    "Lao": 35, "Latin": 198, "Lisu": 23, "Nko": 27, "Old-Italic": 29, "Tifinagh": 39,
}  # fmt: skip

made_with = (matplotlib.__version__, PIL.__version__)
same_drawing = pytest.mark.skipif(
    made_with != MADE_WITH,
    reason=f"pixels are pinned for matplotlib and Pillow {' and '.join(MADE_WITH)}, here are {' and '.join(made_with)}",
)


def script(name: str) -> str:
    return name.partition("/")[0]


@pytest.fixture(scope="module")
def split() -> dict[str, list[str]]:
    parts: dict[str, list[str]] = json.loads(SPLIT_FILE.read_text(encoding="utf-8"))
    return parts


def test_thirteen_scripts() -> None:
    assert Counter(map(script, listed())) == IN_SCRIPT
    assert min(IN_SCRIPT.values()) >= FEWEST
    assert len(listed()) == len(set(listed())) == CLASSES


def test_names_lead_to_letters_and_back() -> None:
    assert class_name("Ω") == "Greek/U+03A9"
    assert letter_of("Old-Italic/U+10300") == "\U00010300"
    assert [class_name(letter_of(name)) for name in listed()] == list(listed())
    assert all(name.isascii() for name in listed())


def test_letters_are_stable_and_no_modifiers() -> None:
    for letter in map(letter_of, listed()):
        assert unicodedata.normalize("NFKC", letter) == letter
        assert unicodedata.category(letter) in {"Lu", "Ll", "Lo"}


def test_parts_share_no_script(split: dict[str, list[str]]) -> None:
    assert {part: {*map(script, names)} for part, names in split.items()} == {p: set(s) for p, s in PARTS.items()}
    assert sorted(name for names in split.values() for name in names) == list(listed())
    assert {part: len(names) for part, names in split.items()} == {"train": 758, "val": 124, "test": 238}


@same_drawing
def test_the_list_is_what_the_rule_gives() -> None:
    """On any Python: Unicode promises that the names and decompositions of letters it has never change."""
    letters = glyph_letters.choose(glyph_letters.candidates())
    assert sorted(map(class_name, letters)) == list(listed())


@same_drawing
def test_no_two_look_alike() -> None:
    assert not lookalikes([letter_of(name) for name in listed()]).any()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("o", "O", True),  # size
        ("A", "Α", True),  # Latin and Greek
        ("n", "u", True),  # turned by 180 degrees
        ("v", "ᑉ", True),  # turned by 90
        ("P", "ꓑ", True),  # Latin and Lisu, of other weight
        ("Λ", "Δ", False),
        ("Λ", "A", False),  # a bar
        ("ح", "ج", False),  # a dot
        ("R", "Я", False),  # mirrored
        ("i", "l", False),
    ],
)
def test_what_looks_alike(one: str, other: str, alike: bool) -> None:
    assert lookalikes([one, other])[0, 1] == alike


def test_only_faces_that_have_the_letter() -> None:
    """A face without it would draw its box for missing letters."""
    missing = "\U000ffffd"
    boxes = {face: draw(missing, face, 64) for face in FACES}
    for name in listed():
        letter = letter_of(name)
        assert 2 <= len(face_order(name)) == len(set(face_order(name)))
        for face in face_order(name):
            assert letter in letters_of(face)
            ink, box = draw(letter, face, 64), boxes[face]
            assert ink is not None and box is not None
            assert not np.array_equal(ink.pixels, box.pixels), (name, face)
    assert faces_with(missing) == ()
    assert faces_with("ⵣ") == ("DejaVuSans", "DejaVuSans-Bold")


def test_the_pool(glyphs_pool: Pool) -> None:
    assert glyphs_pool.images.shape == (CLASSES * EXAMPLES, *SHAPE)
    assert glyphs_pool.classes == listed()
    assert {*glyphs_pool.manifest["fonts"]} == {f"{face}.ttf" for face in FACES}
    assert glyphs_pool.manifest["versions"] == {"matplotlib": matplotlib.__version__, "pillow": PIL.__version__}


def test_no_image_occurs_twice(glyphs_pool: Pool) -> None:
    images = glyphs_pool.images.reshape(CLASSES * EXAMPLES, -1)
    assert len({image.tobytes() for image in images}) == CLASSES * EXAMPLES


def test_letters_lie_in_the_frame_and_are_dark(glyphs_pool: Pool) -> None:
    images = glyphs_pool.images[:, 0]
    assert images[..., [0, -1], :].min() == images[..., [0, -1]].min() == 255
    assert images.min(axis=(1, 2)).max() < 64
    ink = (255 - images.astype(np.int64)).sum(axis=(1, 2)) / 255
    assert ink.min() > 10  # pixels


def test_one_shot_is_neither_trivial_nor_hopeless(glyphs_pool: Pool) -> None:
    """Nearest neighbour of pixels, 5-way 1-shot on the test scripts: 53 %."""
    classes = [index for index, name in enumerate(glyphs_pool.classes) if script(name) in PARTS["test"]]
    ink = 255.0 - np.stack([glyphs_pool.of_class(index) for index in classes]).reshape(len(classes), EXAMPLES, -1)
    rng = np.random.default_rng(0)
    right = []
    for _ in range(400):
        chosen = rng.choice(len(classes), 5, replace=False)
        support, query = ink[chosen, rng.integers(10, size=5)], ink[chosen, 10 + rng.integers(10, size=5)]
        distance = ((query[:, None] - support[None]) ** 2).sum(axis=-1)
        right.append((distance.argmin(axis=1) == np.arange(5)).mean())
    assert 0.45 < np.mean(right) < 0.65


def test_a_class_is_a_function_of_its_name(glyphs_pool: Pool) -> None:
    for index in range(0, CLASSES, 97):
        assert np.array_equal(examples_of(glyphs_pool.classes[index]), glyphs_pool.of_class(index)[:, 0])


@same_drawing
def test_pixels_are_pinned(glyphs_pool: Pool) -> None:
    assert glyphs_pool.manifest["pool_hash"] == POOL_HASH


def test_extreme_variation_stays_in_the_frame() -> None:
    """A full square of ink is the worst case, at the ends of every range."""
    block = Ink(np.full((56, 56), 255, dtype=np.uint8))
    rng = np.random.default_rng(0)
    numbers = rng.integers(2, size=(200, NUMBERS)).astype(np.float64) * (1 - 1e-9)
    images = vary([block] * len(numbers), numbers)
    assert images[:, [0, -1]].min() == images[:, :, [0, -1]].min() == 255


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fewshot_bench.data.glyph_drawing.listed", lambda: ("Greek/U+03A9", "Hebrew/U+05D0"))
    told: list[tuple[str, int, int]] = []
    pool = make_glyphs(tmp_path, lambda what, done, total: told.append((what, done, total)))
    assert told == [("glyphs", 0, 2), ("glyphs", 1, 2), ("glyphs", 2, 2)]
    assert pool.images.shape == (2 * EXAMPLES, *SHAPE)
