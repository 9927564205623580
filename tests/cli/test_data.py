"""`fewshot-bench data`, as a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.cli.main import run_command
from fewshot_bench.data import omniglot
from fewshot_bench.data.datasets import DATASETS, dataset_named, open_pool
from tests import fake_data as fake


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Omniglot's zips with two drawers instead of twenty."""
    monkeypatch.setattr(omniglot, "EXAMPLES", 2)
    (tmp_path / "downloads").mkdir()
    return fake.write_omniglot_zips(tmp_path / "downloads", fake.omniglot_files(examples=2, drawings=2 * 1623))


def test_import_then_verify_then_list(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"  # does not exist yet
    assert run_command(["data", "import", "omniglot", "--from", str(raw), "--data-dir", str(data)]) == 0
    assert f"prepared from {raw} (two zips) in {data}" in capsys.readouterr().out
    assert open_pool(dataset_named("omniglot"), data).images.shape == (1623 * 2, 1, 28, 28)

    assert run_command(["data", "verify", "--data-dir", str(data)]) == 0
    out = capsys.readouterr().out
    assert "omniglot: whole" in out and "not a pool known to the package" in out
    assert "split gimli 1150/50/423 classes" in out

    assert run_command(["data", "list", "--data-dir", str(data)]) == 0
    lines = capsys.readouterr().out.replace("\n  ", " ").splitlines()
    assert any(
        line.startswith("omniglot: 1,623 classes") and line.endswith(f"prepared in {open_place(data)}")
        for line in lines
    )
    assert any(line.startswith("mini-imagenet:") and "not here" in line for line in lines)


def open_place(data: Path) -> Path:
    return data / ".prepared" / "omniglot"


def test_import_into_a_read_only_folder_uses_the_cache(raw: Path, tmp_path: Path, cache: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    run_command(["data", "import", "omniglot", "--from", str(raw), "--data-dir", str(data)])
    assert list(data.iterdir()) == []
    assert open_pool(dataset_named("omniglot"), data).counts.tolist() == [2] * 1623


def test_import_says_what_it_would_recognise(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing in .* is recognised as mini-imagenet\. Recognised: train\.csv"):
        run_command(["data", "import", "mini-imagenet", "--from", str(tmp_path)])
    with pytest.raises(DataError, match="does not exist"):
        run_command(["data", "import", "omniglot", "--from", str(tmp_path / "nowhere")])
    page = tmp_path / "omniglot.zip"
    page.write_bytes(b"<!DOCTYPE html><html></html>")
    with pytest.raises(DataError, match="is a web page"):
        run_command(["data", "import", "omniglot", "--from", str(page)])


def test_get_of_files_that_are_there_prepares_them(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "omniglot"
    folder.parent.mkdir()
    raw.rename(folder)
    with pytest.raises(DataError, match="is there already and is not the published file"):
        run_command(["data", "get", "omniglot", "--data-dir", str(folder.parent)])
    known = dataset_named("omniglot")
    published = tuple(source._replace(md5=md5_of(folder / source.file)) for source in known.downloads)
    monkeypatch.setitem(DATASETS, "omniglot", lambda: known._replace(downloads=published))
    assert run_command(["data", "get", "omniglot", "--data-dir", str(folder.parent)]) == 0
    assert "omniglot: prepared in" in capsys.readouterr().out


def md5_of(path: Path) -> str:
    import pooch

    return str(pooch.file_hash(str(path), alg="md5"))


def test_get_of_what_is_not_offered() -> None:
    with pytest.raises(DataError, match="mini-imagenet has no download here"):
        run_command(["data", "get", "mini-imagenet"])


def test_verify_of_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="omniglot is not prepared"):
        run_command(["data", "verify", "omniglot", "--data-dir", str(tmp_path)])
    with pytest.raises(DataError, match="nothing is prepared"):
        run_command(["data", "verify", "--data-dir", str(tmp_path)])


@pytest.mark.parametrize("args", [[], ["imprt"], ["import", "omniglot"], ["list", "--nonsense"]])
def test_bad_arguments_end_with_status_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(["data", *args])
    assert ended.value.code == 2


def test_it_does_without_torch() -> None:
    code = (
        "import sys; from fewshot_bench.cli.main import main; main(['data', 'list']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
