"""Downloads of raw data, checked by their checksums. Files on disk are never overwritten or deleted."""

from pathlib import Path
from typing import NamedTuple

from fewshot_bench.basics.errors import DataError
from fewshot_bench.basics.files import replacing
from fewshot_bench.data.archives import html_start
from fewshot_bench.data.pool import Progress, silent


class Download(NamedTuple):
    """A published file: its address, its name on disk, and the MD5 of its bytes."""

    url: str
    file: str
    md5: str


OMNIGLOT = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"  # its authors' repository

SOURCES: dict[str, tuple[Download, ...]] = {
    # MD5 as torchvision lists them (torchvision/datasets/omniglot.py, `zips_md5`).
    "omniglot": (
        Download(f"{OMNIGLOT}/images_background.zip", "images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
        Download(f"{OMNIGLOT}/images_evaluation.zip", "images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
    ),
    "glyphs": (),  # drawn, not downloaded
}

NOT_OFFERED = {
    "mini-imagenet": (
        "mini-imagenet has no download here: ImageNet's terms restrict passing it on, and no source has a "
        "checksum that was checked for this package. Get a copy, then run "
        "`fewshot-bench data import mini-imagenet --from PATH`."
    ),
}


def download(name: str, folder: Path, progress: Progress = silent) -> None:
    """Download the raw files of the dataset `name` into `folder`; correct files that are there are kept.

    Raises DataError if no download is offered, if the host does not answer, or if a checksum differs.
    """
    if name not in SOURCES:
        raise DataError(NOT_OFFERED.get(name, f"{name} has no download here."))
    for source in SOURCES[name]:
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
