"""The peers are imported without a word, and their absence is a sentence."""

import subprocess
import sys

import pytest

from fewshot_bench.basics.errors import BenchError
from fewshot_bench.peers import importing


@pytest.mark.peers
def test_they_import_where_warnings_are_errors_and_leave_torchvision_as_it_was():
    script = (
        "from fewshot_bench.peers import importing\n"
        "import torchvision.datasets.utils as utils\n"
        "before = set(vars(utils))\n"
        "assert importing.torchmeta().__name__ == 'torchmeta'\n"
        "assert importing.learn2learn().__name__ == 'learn2learn'\n"
        "assert set(vars(utils)) == before\n"
    )
    words = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.peers
def test_a_download_that_cannot_work_says_so(tmp_path):
    utils = importing.torchmeta().datasets.utils
    with pytest.raises(BenchError, match="Google Drive"):
        utils._save_response_content(None, tmp_path)


@pytest.mark.parametrize("name", ["learn2learn", "torchmeta"])
def test_its_absence_is_a_sentence(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BenchError, match=rf"{name} cannot be imported .* `uv sync --extra peers`"):
        getattr(importing, name)()
