"""Which classes train, validate and test."""

import json

import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.importing.layouts import LabelledImage, layout
from fewshot_bench.data.importing.splitting import class_parts

NAMES = [f"bird {number:02d}" for number in range(50)]


def images(names=NAMES, parts=None):
    parts = parts or {}
    return layout(
        [LabelledImage(f"{name}/{n}.png", name, parts.get(name)) for name in names for n in range(2)], "x", ()
    )


def sizes(found):
    return [len(found.parts[part]) for part in ("train", "val", "test")]


@pytest.mark.parametrize(
    ("classes", "split", "expected"),
    [
        (50, None, [32, 8, 10]),
        (37, None, [24, 6, 7]),
        (10, None, [6, 2, 2]),
        (50, "1:1:1", [17, 17, 16]),
        (7, "3:2:2", [3, 2, 2]),
        (50, "0:0:100", [0, 0, 50]),
        (50, "80:0:20", [40, 0, 10]),
    ],
)
def test_shares(classes, split, expected):
    """The largest remainder gets what is left over."""
    found = class_parts(images(NAMES[:classes]), split)
    assert sizes(found) == expected and found.faults == ()
    assert sorted(name for part in found.parts.values() for name in part) == NAMES[:classes]


def test_shares_depend_on_names_and_seed_alone():
    first, again, other = (
        class_parts(images(names), None, seed) for names, seed in ((NAMES, 0), (NAMES[::-1], 0), (NAMES, 1))
    )
    assert first.parts == again.parts and first.parts != other.parts
    assert first.source == "64:16:20 of the classes, seed 0"
    assert first.parts["val"][:3] == ["bird 08", "bird 17", "bird 20"]  # on every machine


@pytest.mark.parametrize(
    ("classes", "split", "small"), [(5, None, "val has 1, test has 1"), (50, "98:1:1", "val has 1, test has 0")]
)
def test_shares_that_give_too_few_classes(classes, split, small):
    (fault,) = class_parts(images(NAMES[:classes]), split).faults
    assert f"fewer than 2 classes: {small}. Give other shares" in fault


BY_LAYOUT = {name: ("train", "val", "test")[number % 3] for number, name in enumerate(NAMES)}


def test_the_parts_of_the_layout_are_the_default():
    found = class_parts(images(parts=BY_LAYOUT), None)
    assert found.faults == () and found.source == "folders" and sizes(found) == [17, 17, 16]
    assert found == class_parts(images(parts=BY_LAYOUT), "folders")
    assert sizes(class_parts(images(parts=BY_LAYOUT), "64:16:20")) == [32, 8, 10]


def test_a_class_in_two_parts():
    both = [*images(["wren"], {"wren": "train"}).images, *images(["wren"], {"wren": "test"}).images]
    found = class_parts(layout([*both, *images(parts=BY_LAYOUT).images], "x", ()), None)
    assert found.faults == (
        "1 class in two parts: 'wren' (train, test). Pass --split 64:16:20 to put each class together and deal the "
        "classes anew.",
    )
    assert class_parts(layout(both, "x", ()), "1:0:0").parts["train"] == ["wren"]


def test_a_part_that_is_missing():
    (fault,) = class_parts(images(parts=dict.fromkeys(NAMES, "train")), None).faults
    assert fault.startswith("2 parts with fewer than 2 classes: val has 0, test has 0. Move classes there")


def test_folders_without_parts():
    with pytest.raises(DataError, match="--split folders needs folders train, val and test"):
        class_parts(images(), "folders")


def write(tmp_path, form, parts):
    path = tmp_path / f"split.{form}"
    rows = [f"{name},{part}" for part, names in parts.items() for name in names]
    path.write_text(json.dumps(parts) if form == "json" else "\n".join(["class,part", *rows]), encoding="utf-8")
    return str(path)


PARTS = {"train": NAMES[:30], "val": NAMES[30:35], "test": NAMES[35:]}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_file(form, tmp_path):
    found = class_parts(images(), write(tmp_path, form, PARTS))
    assert found.parts == PARTS and found.faults == () and found.unused == ()
    some = {**PARTS, "test": NAMES[40:]}
    assert class_parts(images(), write(tmp_path, form, some)).unused == tuple(NAMES[35:40])


def test_a_part_is_empty_if_the_file_says_so(tmp_path):
    assert class_parts(images(), write(tmp_path, "json", {**PARTS, "val": []})).faults == ()
    (fault,) = class_parts(images(), write(tmp_path, "json", {"train": NAMES[:30], "test": NAMES[35:]})).faults
    assert "1 part with fewer than 2 classes: val has 0." in fault and "an empty list" in fault


@pytest.mark.parametrize("form", ["json", "csv"])
def test_faults_of_a_file(form, tmp_path):
    path = write(tmp_path, form, {**PARTS, "val": [*NAMES[29:35], "brid 31"]})
    foreign, both = class_parts(images(), path).faults
    assert foreign == (
        f"1 class in {path} without images: 'brid 31' (did you mean 'bird 31'?). "
        "Write its name as it is with the images."
    )
    assert both == f"1 class in two parts in {path}: 'bird 29' (train, val). Keep it in one of them."


BAD = {
    "no file": ("gone.json", None, "neither `folders`, nor shares such as 64:16:20, nor a file"),
    "shares of nothing": ("0:0:0", None, "gives no part a class"),
    "no JSON": ("x.json", "{", "is no JSON"),
    "no lists": ("x.json", '{"train": "wren"}', "does not hold lists of class names"),
    "a list": ("x.json", "[]", "does not hold lists"),
    "no class": ("x.json", '{"train": [], "val": [], "test": []}', "names no class"),
    "nothing": ("x.json", "{}", "names no class"),
    "another part": ("x.json", '{"holdout": []}', "has the part 'holdout'. Write train, val or test"),
    "other columns": ("x.csv", "a,b\n1,2\n", "has no column of classes"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_split_that_is_none(case, tmp_path):
    name, content, message = BAD[case]
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        class_parts(images(), str(tmp_path / name) if content is not None else name)
    assert message in str(caught.value)
