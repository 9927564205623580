"""The letters of the glyphs dataset, and the rule that chose them.

The list is a committed file, made by `python -m fewshot_bench.data.glyph_letters`, so that no later version of Unicode,
of the fonts or of their rasteriser moves a class.

The rule: a character is a candidate if
  - its Unicode category is a letter (L*) but not a modifier letter (Lm: small raised copies of letters);
  - it is stable under NFKD, hence under NFKC: a letter of its own, no ligature, no presentation form, no letter with an
    accent (at 28x28 e with acute is nearly e, and some 770 letters are of that kind);
  - its script is not in UNFIT;
  - the character maps of both DejaVu Sans and DejaVu Sans Bold lead to a glyph: two faces at least. No face that
    holds it leaves it blank.
Of letters that look alike (see `lookalikes`) the one of the smaller script stays, then the one with the smaller code
point: otherwise the small scripts would lose most of their letters to Latin. Scripts with fewer than 20 letters left
are dropped, and the letters that they had displaced come back.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from fewshot_bench.basics.files import write_text
from fewshot_bench.data.glyph_faces import draw, faces_with, letters_of

LETTERS_FILE = Path(__file__).with_name("glyph_letters.json")
SPLIT_FILE = Path(__file__).parent / "class_splits" / "glyphs-scripts.json"
FEWEST = 20  # letters of a script: enough for 20 ways from one script
UNFIT = {"Ogham"}  # its letters are tallies of one to five strokes on a line, too fine to count at 28x28
_BOTH = ("DejaVuSans", "DejaVuSans-Bold")

# Close to 70/10/20. The relatives Latin, Greek, Cyrillic and Lisu (turned Latin capitals) stay together.
PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("Armenian", "Canadian", "Cyrillic", "Greek", "Latin", "Lisu"),
    "val": ("Hebrew", "Nko", "Old-Italic", "Tifinagh"),
    "test": ("Arabic", "Georgian", "Lao"),
}

# The four designs. Bold and oblique faces are the same designs, heavier or slanted; the serif italic is one of its own.
DESIGNS = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
BOX = 24  # pixels of the longer side: about the size at which the pool shows a letter
TOLERANCE = 1.5  # pixels: a neighbour, diagonals included, is near
STRAY = 2  # pixels that may lie farther; see `lookalikes` for both
_FRAME = 32  # BOX and room around it, even, so that quarter turns about the middle are exact
_DRAWN = 96  # pixels of the longer side before shrinking to BOX
_INKED = 80  # of 255: a pixel counts as ink; below the half, so that hairlines of the serif faces count


def script_of(letter: str) -> str:
    """The script, from the first word of the Unicode name (two if it is OLD), since Python knows no script property.

    For letters that are not modifier letters it is right but for a few whose name starts otherwise (TURNED CAPITAL F);
    they make scripts of one or two letters, which are too small to stay.
    """
    words = unicodedata.name(letter).title().split()
    return "-".join(words[:2]) if words[0] == "Old" else words[0]


def class_name(letter: str) -> str:
    """e.g. "Greek/U+03A9"."""
    return f"{script_of(letter)}/U+{ord(letter):04X}"


def letter_of(name: str) -> str:
    """The letter of a class name."""
    return chr(int(name.rpartition("+")[2], base=16))


def listed() -> tuple[str, ...]:
    """The class names in the committed list, sorted."""
    by_script: dict[str, str] = json.loads(LETTERS_FILE.read_text(encoding="utf-8"))["letters"]
    return tuple(sorted(f"{script}/U+{ord(letter):04X}" for script, letters in by_script.items() for letter in letters))


def candidates() -> list[str]:
    """All letters that the rule allows, before look-alikes are dropped, by code point."""
    held = letters_of(_BOTH[0]) & letters_of(_BOTH[1])
    return [letter for letter in sorted(held) if _is_plain(letter) and _is_drawn(letter)]


def _is_plain(letter: str) -> bool:
    category = unicodedata.category(letter)
    stable = unicodedata.normalize("NFKD", letter) == letter
    return category[0] == "L" and category != "Lm" and stable and script_of(letter) not in UNFIT


def _is_drawn(letter: str) -> bool:
    return all(draw(letter, face, 64) is not None for face in faces_with(letter))


def choose(letters: Sequence[str]) -> list[str]:
    """Those of `letters` that stay after look-alikes and then too small scripts are dropped."""
    scripts = [script_of(letter) for letter in letters]
    alike = lookalikes(letters)
    sizes = Counter(scripts)
    live = {script for script, size in sizes.items() if size >= FEWEST}
    while True:
        order = sorted(
            (index for index, script in enumerate(scripts) if script in live),
            key=lambda index: (sizes[scripts[index]], scripts[index], letters[index]),
        )
        kept: list[int] = []
        for index in order:
            if not alike[index, kept].any():
                kept.append(index)
        left = Counter(scripts[index] for index in kept)
        if all(left[script] >= FEWEST for script in live):
            return sorted(letters[index] for index in kept)
        live = {script for script in live if left[script] >= FEWEST}


def lookalikes(letters: Sequence[str]) -> NDArray[np.bool_]:
    """Pairs of letters that look alike: bool [n, n], symmetric, false on the diagonal.

    Two letters look alike if, in any design that holds both and for any of the four quarter turns of one of them, all
    but STRAY inked pixels of either lie within TOLERANCE of an inked pixel of the other (a partial Hausdorff distance).
    Both are cropped, scaled to BOX with their proportions kept, and centred before. Unlike a correlation, this does not
    care how thick the strokes are, and still sees a single dot or bar more: 8 pixels or so.

    The two numbers are from looking at the pairs on either side: with no stray pixel, or within 1.0, o and O stay both,
    and x and X; with 3 stray pixels, or within 2.0, letters fall together that readers tell apart, such as i and l.
    """
    alike = np.zeros((len(letters), len(letters)), dtype=np.bool_)
    for design in DESIGNS:
        held = np.array([index for index, letter in enumerate(letters) if letter in letters_of(design)], dtype=np.intp)
        alike[np.ix_(held, held)] |= _alike_in(design, [letters[index] for index in held])
    np.fill_diagonal(alike, False)
    return alike


def _alike_in(design: str, letters: Sequence[str]) -> NDArray[np.bool_]:
    """bool [n, n] within one design. Counts pixels of one that are far from the other: products of 0 and 1, exact."""
    ink = np.array([_normalised(letter, design) for letter in letters], dtype=np.bool_).reshape(-1, _FRAME, _FRAME)
    far = np.array([distance_transform_edt(~one) > TOLERANCE for one in ink], dtype=np.bool_).reshape(ink.shape)
    alike = np.zeros((len(letters), len(letters)), dtype=np.bool_)
    for turns in range(4):
        alike |= (_overlap(ink, _turned(far, turns)) <= STRAY) & (_overlap(far, _turned(ink, turns)) <= STRAY)
    return alike | alike.T


def _normalised(letter: str, design: str) -> NDArray[np.bool_]:
    """bool [_FRAME, _FRAME]: ink of the letter, its longer side BOX pixels, centred."""
    frame = np.zeros((_FRAME, _FRAME), dtype=np.bool_)
    ink = draw(letter, design, _DRAWN)
    if ink is None:
        return frame
    shrink = BOX / max(ink.height, ink.width)
    height, width = max(1, round(ink.height * shrink)), max(1, round(ink.width * shrink))
    small = Image.fromarray(ink.pixels).resize((width, height), Image.Resampling.BOX)
    top, left = (_FRAME - height) // 2, (_FRAME - width) // 2
    frame[top : top + height, left : left + width] = np.asarray(small) >= _INKED
    return frame


def _turned(frames: NDArray[np.bool_], turns: int) -> NDArray[np.bool_]:
    return np.rot90(frames, turns, axes=(1, 2))


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 [n, n]: how many pixels are set in both a[i] and b[j]. Whole numbers below 2**24, so exact."""
    left = a.reshape(-1, _FRAME * _FRAME).astype(np.float32)
    right = b.reshape(-1, _FRAME * _FRAME).astype(np.float32)
    return left @ right.T


def main() -> None:
    """Write the list and the split anew."""
    by_script: dict[str, str] = {}
    for letter in choose(candidates()):
        by_script[script_of(letter)] = by_script.get(script_of(letter), "") + letter
    unassigned = sorted(set(by_script) - {script for scripts in PARTS.values() for script in scripts})
    if unassigned:
        raise SystemExit(f"PARTS names no part for {', '.join(unassigned)}. Add them to one.")
    about = "Made by `python -m fewshot_bench.data.glyph_letters`, which states the rule."
    content = {"about": about, "letters": dict(sorted(by_script.items()))}
    write_text(LETTERS_FILE, json.dumps(content, indent=1, ensure_ascii=True) + "\n")
    names = listed()
    split = {part: [name for name in names if name.partition("/")[0] in scripts] for part, scripts in PARTS.items()}
    write_text(SPLIT_FILE, json.dumps(split, indent=1) + "\n")
    for part, scripts in PARTS.items():
        print(f"{part}: {len(split[part])}", {script: len(by_script.get(script, "")) for script in scripts})


if __name__ == "__main__":
    main()
