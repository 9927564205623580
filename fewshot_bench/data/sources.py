"""Downloads of raw data, checked by their checksums. Files on disk are never overwritten or deleted."""

from pathlib import Path

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import replacing
from fewshot_bench.data.archives import html_start
from fewshot_bench.data.dataset import Dataset, Download
from fewshot_bench.data.pool import Progress, silent


def download(known: Dataset, folder: Path, progress: Progress = silent) -> None:
    """Download the raw files of a dataset into `folder`; correct files that are there are kept.

    Raises DataError if no download is offered, if the host does not answer, or if a checksum differs.
    """
    if known.draw_tasks is not None:
        raise DataError(f"{known.name} needs no data: its tasks are drawn. Name it in a grid.")
    if not known.downloads and not known.drawn:
        raise DataError(known.not_offered or f"{known.name} has no download here.")
    for source in known.downloads:
        fetch(source, folder / source.file, progress)


def fetch(source: Download, path: Path, progress: Progress = silent) -> None:
    """Download one file to `path`, whole and verified or not at all."""
    import pooch  # only a download needs it, and it brings an HTTP client

    if path.exists():
        if pooch.file_hash(str(path), alg="md5") != source.md5:
            raise DataError(
                f"{path} is there already and is not the published file (its MD5 is not {source.md5}). It was not "
                "touched: move it away and run again, or use it as it is by `fewshot-bench data import`."
            )
        return
    with replacing(path) as temporary:
        _deliver(source, temporary, progress)
        page = html_start(temporary)
        if page is not None:
            raise DataError(
                f"{source.url} answered with a web page (it starts with {page!r}) instead of {source.file}. "
                f"Download it by hand into {path.parent} and run again."
            )
        found = pooch.file_hash(str(temporary), alg="md5")
        if found != source.md5:
            raise DataError(
                f"{source.url} delivered {temporary.stat().st_size} bytes with MD5 {found}, not {source.md5}: cut "
                f"short or another file. Nothing of it was kept; run again, or download it by hand into {path.parent}."
            )


def _deliver(source: Download, path: Path, progress: Progress) -> None:
    import pooch
    import requests  # pooch's own HTTP client, for its errors

    downloader = pooch.HTTPDownloader(progressbar=_Bar(f"downloading {source.file}", progress), chunk_size=1 << 16)
    try:
        downloader(source.url, str(path), None)
    except requests.RequestException as error:  # an OSError too, but not one of this disk
        raise DataError(
            f"{source.url} cannot be downloaded ({error}). Check the network, or download it by hand and use "
            "`fewshot-bench data import`."
        ) from error


class _Bar:
    """The progress bar that pooch expects: it sets `total` and calls the methods."""

    def __init__(self, what: str, progress: Progress) -> None:
        self.what, self.progress = what, progress
        self.total = 0
        self.done = 0

    def update(self, size: int) -> None:
        self.done = min(self.done + size, self.total or self.done + size)
        self.progress(self.what, self.done, max(self.total, self.done))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing to close."""
