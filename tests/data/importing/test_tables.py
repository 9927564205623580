"""What tables say of a user's images."""

import pandas as pd
import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.importing.scanning import scan
from tests.own_images import png, write

IMAGES = {f"images/{number}.png": png(number) for number in range(4)}
ROWS = [("0.png", "wren"), ("1.png", "wren"), ("2.png", "robin"), ("3.png", "robin")]


def table(rows, head="file,label", mark=","):
    return "\n".join([head, *(mark.join(row) for row in rows)]).replace(",", mark).encode()


def found(folder):
    layout = scan(folder).layout
    return layout, {image.file: (image.klass, image.part) for image in layout.images}


EXPECTED = {f"images/{name}": (klass, None) for name, klass in ROWS}


@pytest.mark.parametrize("head", ["file,label", "Filename,Class", "image path,category", "path,class name"])
@pytest.mark.parametrize(("name", "mark"), [("birds.csv", ","), ("birds.csv", ";"), ("birds.tsv", "\t")])
def test_a_table_beside_the_images(tmp_path, head, name, mark):
    layout, labels = found(write(tmp_path, {**IMAGES, name: table(ROWS, head, mark)}))
    assert layout.faults == () and labels == EXPECTED
    first, second = head.split(",")
    assert layout.kind == f"table {name} with the columns {first!r}, {second!r}"


@pytest.mark.parametrize(
    "written", ["0.png", "images/0.png", "./images/0.png", "images\\0.png", "/home/me/images/0.png", "0"]
)
def test_a_file_may_be_written_in_many_ways(tmp_path, written):
    layout, labels = found(write(tmp_path, {**IMAGES, "birds.csv": table([(written, "wren"), *ROWS[1:]])}))
    assert layout.faults == () and labels == EXPECTED


def test_parquet_and_parts(tmp_path):
    write(tmp_path, IMAGES)
    parts = ["train", "Train", "valid", "test"]
    frame = pd.DataFrame({"path": [name for name, _ in ROWS], "label": [0, 0, 1, 2], "split": parts})
    frame.to_parquet(tmp_path / "birds.parquet")
    layout, labels = found(tmp_path)
    assert layout.faults == () and layout.has_parts
    assert list(labels.values()) == [("0", "train"), ("0", "train"), ("1", "val"), ("2", "test")]


def test_three_tables_are_three_parts(tmp_path):
    tables = {f"{part}.csv": table([row]) for part, row in zip(("train", "val", "test"), ROWS[1:], strict=True)}
    layout, labels = found(write(tmp_path, {**{name: IMAGES[name] for name in list(IMAGES)[1:]}, **tables}))
    assert layout.faults == () and {part for _, part in labels.values()} == {"train", "val", "test"}


def test_the_table_itself_may_be_given(tmp_path):
    write(tmp_path, {**IMAGES, "birds.csv": table(ROWS), "other.csv": table(ROWS)})
    assert len(scan(tmp_path / "birds.csv").layout.images) == 4
    with pytest.raises(DataError, match=r"2 tables of images: 'birds\.csv', 'other\.csv'\. Give one of them by --from"):
        scan(tmp_path)


def test_a_table_of_something_else_is_left_out(tmp_path):
    files = {"wren/0.png": png(0), "robin/0.png": png(1), "weather.csv": b"day,rain\n1,2\n", "broken.parquet": b"x"}
    scanned = scan(write(tmp_path, files))
    assert scanned.layout.kind == "class folders" and scanned.left_out == {".csv": 1, ".parquet": 1}
    with pytest.raises(DataError, match=r"weather\.csv has no column of files \(file, .*\) with one of classes"):
        scan(tmp_path / "weather.csv")
    with pytest.raises(DataError, match=r"broken\.parquet cannot be read as a table"):
        scan(tmp_path / "broken.parquet")


def test_a_parquet_that_holds_images_says_so(tmp_path):
    pd.DataFrame({"image": [b"abc"], "label": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="holds images, not names of files"):
        scan(tmp_path / "x.parquet")


FAULTS = {
    "label without a file": ([*ROWS, ("9.png", "wren")], "1 label without a file: '9.png'. Add the file"),
    "file without a label": (ROWS[:3], "1 file without a label: 'images/3.png'. Add a line"),
    "no label": ([*ROWS[:3], ("3.png", "")], "1 line without a file or a label: birds.csv line 5. Fill it in"),
    "listed twice": ([*ROWS, ROWS[0]], "1 image listed twice: 'images/0.png'. Keep one line"),
    "two labels": ([*ROWS, ("0.png", "robin")], "1 image with two labels: 'images/0.png'. Keep one line"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_of_tables(case, tmp_path):
    rows, message = FAULTS[case]
    layout, _ = found(write(tmp_path, {**IMAGES, "birds.csv": table(rows)}))
    assert any(fault.startswith(message) for fault in layout.faults), layout.faults
    assert len(layout.faults) == (2 if case == "no label" else 1)


PARTS = {
    "two parts": ([("0.png", "wren", "train"), ("0.png", "wren", "test")], "1 image in two parts: 'images/0.png'."),
    "another part": ([("0.png", "wren", "holdout")], "1 line with another part: birds.csv line 2 ('holdout')."),
    "no part": ([("0.png", "wren", "")], "1 line with another part: birds.csv line 2 ('')."),
}


@pytest.mark.parametrize("case", PARTS)
def test_faults_of_parts(case, tmp_path):
    rows, message = PARTS[case]
    layout, _ = found(write(tmp_path, {"images/0.png": png(0), "birds.csv": table(rows, "file,label,part")}))
    assert any(fault.startswith(message) for fault in layout.faults), layout.faults


def test_a_name_of_several_files_is_unclear(tmp_path):
    files = {"a/0.png": png(0), "b/0.png": png(1), "birds.csv": table([("0.png", "wren"), ("a/0.png", "wren")])}
    layout, _ = found(write(tmp_path, files))
    assert layout.faults[0].startswith("1 label of more than one file: '0.png'. Write the path")
