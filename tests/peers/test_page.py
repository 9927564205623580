"""What docs/other-libraries.md says can be pasted, in the order it stands there."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "other-libraries.md").read_text(encoding="utf-8")


@pytest.mark.peers
def test_the_page_runs(tmp_path, monkeypatch, glyphs_data, capsys):
    """In an empty folder, whose `datasets` are the glyphs of this session."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(glyphs_data)
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/other-libraries.md", "exec"), names)
    said = re.search(r"^print\(.*# (.*)$", PAGE, re.MULTILINE)
    assert capsys.readouterr().out.strip() == said[1].replace("), (", ") (")
    assert [part.shape for part in names["batch"]["train"]] == [(16, 5, 1, 28, 28), (16, 5)]
