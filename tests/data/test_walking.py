"""One way of walking through folders, which follows links and ends."""

import re
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.walking import files_below, folders_below, subfolders

PACKAGE = Path(__file__).resolve().parents[2] / "fewshot_bench"


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "a").mkdir(parents=True)
    (there / "deep").mkdir(parents=True)
    for path in (here / "1", here / "a" / "2", there / "deep" / "3"):
        path.touch()
    (here / "b").symlink_to(there)
    (here / "a" / "file").symlink_to(there / "deep" / "3")
    assert names(here) == ["1", "a/2", "a/file", "b/deep/3"]
    for link, target in ((here / "a" / "up", here), (there / "back", here), (here / "self", here / "self")):
        link.symlink_to(target)
    (here / "nowhere").symlink_to(tmp_path / "gone")
    assert names(here) == ["1", "a/2", "a/file", "b/deep/3"]
    assert [path.name for path in subfolders(here)] == ["a", "b"]
    assert [path.relative_to(here).as_posix() for path in folders_below(here, 2)] == ["a", "b", "b/deep"]
    assert [path.name for path in folders_below(here, 50)] == ["a", "b", "deep"]


def test_two_links_to_one_folder_are_two_places(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").touch()
    for name in ("one", "two"):
        (tmp_path / "all" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "all" / name).symlink_to(tmp_path / "real")
    assert names(tmp_path / "all") == ["one/x", "two/x"]


def test_what_cannot_be_looked_into_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot look into .*gone: No such file"):
        list(files_below(tmp_path / "gone"))


def test_nothing_else_in_the_package_walks() -> None:
    walks = re.compile(r"\brglob\(|\bos\.walk\(|\.walk\(\)|glob\([^)]*\*\*|\bscandir\(")
    found = {path.name for path in PACKAGE.rglob("*.py") if walks.search(path.read_text(encoding="utf-8"))}
    assert found == {"walking.py"}
