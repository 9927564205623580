"""Images of a user on their way into a pool: all faults at once, and what switches leave out."""

import json
from pathlib import Path

import numpy as np

from fewshot_bench.data.importing.planning import ImportOptions, planned_import
from tests import fake_data as fake
from tests.own_images import classes, complaint, encoded, imported, picture, png, state, write

TEN = classes(10)


def test_a_folder_becomes_pixels_by_class(tmp_path):
    plan, pixels, manifest = imported(write(tmp_path, TEN), size=10)
    assert plan.classes == tuple(f"class{number:02d}" for number in range(10)) and plan.counts == (3,) * 10
    assert plan.shape == (3, 10, 10) and pixels.shape == (30, 3, 10, 10)
    _, one, _ = imported(write(tmp_path / "x", {name.replace("class", "k"): content for name, content in TEN.items()}))
    assert one.shape == (30, 3, 8, 8)
    assert manifest["splits"]["own"].keys() == {"train", "val", "test"}
    assert sum(map(len, manifest["splits"]["own"].values())) == 10
    about = manifest["imported"]
    assert about["split"] == "own" and about["split_by"] == "64:16:20 of the classes, seed 0"
    assert (about["on_white"], about["enlarged"]) == (0, 0)


def test_the_layout_makes_no_difference_to_the_pixels(tmp_path):
    _, pixels, manifest = imported(write(tmp_path / "folder", TEN))
    fake.write_zip(tmp_path / "birds.zip", dict(reversed(TEN.items())))
    rows = [f"{name},{name.split('/')[0]}" for name in TEN]
    write(tmp_path / "table", {**TEN, "birds.csv": "\n".join(["file,label", *rows]).encode()})
    for source in (tmp_path / "birds.zip", tmp_path / "table"):
        _, same, other = imported(source)
        assert np.array_equal(same, pixels) and other["imported"] == manifest["imported"]


def test_gray(tmp_path):
    plan, pixels, _ = imported(write(tmp_path, TEN), gray=True)
    assert plan.shape == (1, 8, 8) and pixels.any()


def test_all_faults_are_told_at_once_and_nothing_is_changed(tmp_path):
    bad = {
        "class00/image1.png": TEN["class00/image1.png"][:60],
        "class01/page.jpg": b"<html>",
        "class02/photo.HEIC": b"....ftypheic",
        "class03/raw.dng": png(7),
        "class04/copy.png": TEN["class04/image0.png"],
        "class05/other.png": TEN["class06/image0.png"],
        "lone/1.png": png(9),
        "loose.png": png(10),
    }
    before = state(write(tmp_path, {**TEN, **bad}))
    said = complaint(tmp_path, split="98:1:1")
    first, *lines = said.splitlines()
    assert first == f"6 problems in {tmp_path}; nothing was written:"
    assert lines[0].startswith("  - 1 image outside any class folder: 'loose.png'.")
    assert lines[1].startswith("  - 2 parts with fewer than 2 classes: val has 0, test has 0.")
    assert lines[2].startswith("  - 4 unreadable images: 'class00/image1.png' (it is cut short or damaged: ")
    assert "'class01/page.jpg' (it is a web page), 'class02/photo.HEIC' (its format is not decoded; convert" in lines[2]
    assert "'class03/raw.dng' (its format" in lines[2] and lines[2].endswith(
        "leave all of them out by --skip-unreadable."
    )
    assert lines[3].startswith("  - 1 duplicate within a class: 'class04/copy.png' = 'class04/image0.png'.")
    assert lines[4].startswith("  - 1 duplicate in two classes: 'class05/other.png' = 'class06/image0.png'.")
    assert lines[5].startswith("  - 1 class with fewer than 2 images: 'lone' (1). A task needs")
    assert state(tmp_path) == before


def test_one_fault_is_one_line(tmp_path):
    write(tmp_path, {**TEN, "class00/broken.png": b"x"})
    assert complaint(tmp_path) == (
        f"{tmp_path} has 1 unreadable image: 'class00/broken.png' (it is damaged, or no PNG, JPEG, WebP, GIF, BMP or "
        "TIFF). Replace it, or leave all of them out by --skip-unreadable. Nothing was written."
    )


def test_a_flat_folder_is_told_of_its_missing_classes_alone(tmp_path):
    said = complaint(write(tmp_path, {f"{number:02d}.png": png(number) for number in range(12)}))
    assert said.startswith(f"{tmp_path} has 12 images outside any class folder: '00.png', ")
    assert said.endswith("'09.png', and 2 more. Move it into a folder of its class. Nothing was written.")


def test_ten_are_named_and_the_others_counted(tmp_path):
    write(tmp_path, {**TEN, **{f"class00/broken{number:02d}.png": b"" for number in range(13)}})
    assert "13 unreadable images" in complaint(tmp_path) and complaint(tmp_path).count("broken") == 10
    assert ", and 3 more. Replace it" in complaint(tmp_path)


def test_unreadable_images_are_left_out_if_asked(tmp_path):
    write(tmp_path, {**TEN, "class00/broken.png": b"x", "class01/image1.png": b""})
    plan, pixels, _ = imported(tmp_path, skip_unreadable=True)
    assert plan.counts == (3, 2, *(3,) * 8) and len(pixels) == 29
    (note,) = plan.notes
    assert note.startswith("2 unreadable images left out: 'class00/broken.png' (") and plan.manifest["left_out"] == [
        note
    ]
    write(tmp_path, {"class01/image2.png": b""})
    assert "1 class with fewer than 2 images: 'class01' (1)." in complaint(tmp_path, skip_unreadable=True)


def test_duplicates_are_left_out_if_asked(tmp_path):
    """Within a class the first stays; in two classes nobody knows which label is right, so none does."""
    same = TEN["class00/image0.png"]
    write(tmp_path, {**TEN, "class00/zz.png": same, "class02/image3.png": TEN["class03/image2.png"]})
    plan, pixels, _ = imported(tmp_path, skip_duplicates=True)
    assert plan.counts == (3, 3, 3, 2, *(3,) * 6) and len(pixels) == 29
    assert plan.notes == (
        "1 duplicate within a class left out: 'class00/image0.png' = 'class00/zz.png'",
        "2 duplicates in two classes left out: 'class02/image3.png' = 'class03/image2.png'",
    )


def test_equal_pixels_of_other_bytes_are_duplicates(tmp_path):
    write(tmp_path, {**TEN, "class00/again.bmp": encoded(picture(0), "BMP")})
    assert "1 duplicate within a class: 'class00/again.bmp' = 'class00/image0.png'." in complaint(tmp_path)


def test_a_class_of_no_readable_image_is_named(tmp_path):
    write(tmp_path, {**TEN, "ghost/1.png": b"", "ghost/2.png": b""})
    assert "1 class with fewer than 2 images: 'ghost' (0)." in complaint(tmp_path, skip_unreadable=True)


def test_an_unreadable_file_of_the_system_is_named(tmp_path, monkeypatch):
    write(tmp_path, TEN)
    whole = Path.read_bytes

    def denied(path):
        if path.name == "image2.png":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "10 unreadable images: 'class00/image2.png' (it cannot be read: Permission denied)" in complaint(tmp_path)


def test_classes_of_no_part_are_left_out_and_said(tmp_path):
    split = tmp_path / "split.json"
    names = [f"class{number:02d}" for number in range(9)]
    split.write_text(json.dumps({"train": names[:5], "val": names[5:7], "test": names[7:]}))
    plan, pixels, _ = imported(write(tmp_path / "birds", TEN), split=str(split))
    assert plan.classes == tuple(names) and len(pixels) == 27
    assert plan.notes == ("1 class of no part left out: 'class09'",)


def test_what_was_left_out_is_said(tmp_path):
    plan, _, _ = imported(write(tmp_path, {**TEN, ".DS_Store": b"", "a.txt": b"", "b.txt": b""}))
    assert plan.notes == ("left out, since they are no images: 2 .txt, 1 hidden",)


def test_the_hash_of_files_depends_on_their_names_and_bytes(tmp_path):
    hashes = {imported(write(tmp_path / "a", TEN))[2]["imported"]["sha256_of_files"]}
    hashes.add(imported(write(tmp_path / "b", TEN))[2]["imported"]["sha256_of_files"])
    assert len(hashes) == 1
    write(tmp_path / "b", {"class00/image0.png": png(77)})
    hashes.add(imported(tmp_path / "b")[2]["imported"]["sha256_of_files"])
    (tmp_path / "a" / "class00" / "image0.png").rename(tmp_path / "a" / "class00" / "image0.PNG")
    hashes.add(imported(tmp_path / "a")[2]["imported"]["sha256_of_files"])
    assert len(hashes) == 3


def test_progress_ends_with_all_images(tmp_path):
    seen = []
    plan = planned_import(write(tmp_path, TEN), ImportOptions(size=8), lambda *values: seen.append(values))
    plan.fill(np.zeros((30, 3, 8, 8), np.uint8))
    assert seen[0] == ("decoding images", 1, 30) and seen[-1] == ("decoding images", 30, 30)
