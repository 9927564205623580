"""Downloads, against a server on this machine: verified, whole or absent, and nothing of the user's is touched."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fewshot_bench.basics.errors import DataError
from fewshot_bench.data.dataset import Download
from fewshot_bench.data.datasets import DATASETS, dataset_named
from fewshot_bench.data.sources import download, fetch

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()
PAGES = {
    "/file.zip": (200, CONTENT),
    "/page.zip": (200, b"<html><body>Log in first</body></html>"),
    "/busy.zip": (503, b""),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, content = PAGES.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between the test and its own server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_file_arrives_and_progress_is_told(host: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetch(Download(f"{host}/file.zip", "file.zip", MD5), tmp_path / "new" / "file.zip", lambda *now: told.append(now))
    assert (tmp_path / "new" / "file.zip").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.zip"]
    assert told[-1] == ("downloading file.zip", len(CONTENT), len(CONTENT))
    assert all(done <= total for _, done, total in told)


def test_a_file_that_is_there_and_right_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "file.zip").write_bytes(CONTENT)
    fetch(Download("http://127.0.0.1:1/nobody-listens", "file.zip", MD5), tmp_path / "file.zip")


def test_a_file_of_the_users_is_kept(host: str, tmp_path: Path) -> None:
    (tmp_path / "file.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match="is there already and is not the published file"):
        fetch(Download(f"{host}/file.zip", "file.zip", MD5), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("page.zip", r"answered with a web page \(it starts with '<html><body>Log in first"),
        ("busy.zip", "cannot be downloaded.*503"),
        ("gone.zip", "cannot be downloaded.*404"),
    ],
)
def test_a_host_that_does_not_deliver(path: str, complaint: str, host: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=complaint):
        fetch(Download(f"{host}/{path}", path, MD5), tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_checksum(host: str, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(DataError, match=f"MD5 {MD5}, not {'0' * 32}"):
        fetch(Download(f"{host}/file.zip", "file.zip", "0" * 32), tmp_path / "file.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch(Download("http://127.0.0.1:1/file.zip", "file.zip", MD5), tmp_path / "file.zip")


def test_what_is_not_offered_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no source has a checksum.*data import mini-imagenet --from PATH"):
        download(dataset_named("mini-imagenet"), tmp_path)


def test_the_table_of_sources_is_sound() -> None:
    files = {source for name in DATASETS for source in dataset_named(name).downloads}
    assert len({source.md5 for source in files}) == len({source.url for source in files}) == len(files)
    assert all(len(source.md5) == 32 and source.url.endswith(source.file) for source in files)
