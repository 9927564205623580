"""Which letters the glyphs dataset holds, of which scripts.

The list is a committed file, made by `python -m fewshot_bench.data.glyph_letters`, so that no later version of Unicode,
of the fonts or of their rasteriser moves a class.

The rule: a character is a candidate if
  - its Unicode category is a letter (L*) but not a modifier letter (Lm: small raised copies of letters);
  - it is stable under NFKD, hence under NFKC: a letter of its own, no ligature, no presentation form, no letter with an
    accent (at 28x28 e with acute is nearly e, and some 770 letters are of that kind);
  - its script is not in UNFIT;
  - the character maps of both DejaVu Sans and DejaVu Sans Bold lead to a glyph: two faces at least. No face that
    holds it leaves it blank.
Of letters that look alike (glyph_lookalikes) the one of the smaller script stays, then the one with the smaller code
point: else the small scripts would lose most of their letters to Latin. Scripts with fewer than 20 letters left go, and
what they had displaced comes back.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fewshot_bench.basics.files import write_text
from fewshot_bench.data.glyph_faces import draw, faces_with, letters_of
from fewshot_bench.data.glyph_lookalikes import lookalikes

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


def script_of(letter: str) -> str:
    """The script, from the first word of the Unicode name (two where it is OLD): Python knows no script property.

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
    """The class names of the committed list, sorted."""
    by_script: dict[str, str] = json.loads(LETTERS_FILE.read_text(encoding="utf-8"))["letters"]
    return tuple(sorted(f"{script}/U+{ord(letter):04X}" for script, letters in by_script.items() for letter in letters))


def candidates() -> list[str]:
    """All letters that may be in, by code point."""
    held = letters_of(_BOTH[0]) & letters_of(_BOTH[1])
    return [letter for letter in sorted(held) if _is_plain(letter) and _is_drawn(letter)]


def _is_plain(letter: str) -> bool:
    category = unicodedata.category(letter)
    stable = unicodedata.normalize("NFKD", letter) == letter
    return category[0] == "L" and category != "Lm" and stable and script_of(letter) not in UNFIT


def _is_drawn(letter: str) -> bool:
    return all(draw(letter, face, 64) is not None for face in faces_with(letter))


def choose(letters: Sequence[str]) -> list[str]:
    """Those of `letters` that stay when look-alikes and then too small scripts are gone."""
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


def main() -> None:
    """Writes the list and the split anew."""
    by_script: dict[str, str] = {}
    for letter in choose(candidates()):
        by_script[script_of(letter)] = by_script.get(script_of(letter), "") + letter
    homeless = sorted(set(by_script) - {script for scripts in PARTS.values() for script in scripts})
    if homeless:
        raise SystemExit(f"PARTS says not where {', '.join(homeless)} belong.")
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
