"""Small stand-ins for the raw datasets, in the layouts people have: right class names, few or tiny images."""

import csv
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fewshot_bench.data.splits import PARTS, read_split

Files = Mapping[str, bytes]


def png(seed: int, mode: str = "1", size: int = 105) -> bytes:
    """A random pattern of 6x6 patches as PNG: small, as there are many, and still different for each seed."""
    return _encoded(_noise(seed, 6).convert("L").point(_black_or_white).resize((size, size)), mode, "PNG")


def jpeg(seed: int, size: int = 84) -> bytes:
    """A random photograph as JPEG."""
    return _encoded(_noise(seed, size), "RGB", "JPEG")


def omniglot_files(examples: int = 20, drawings: int = 8) -> dict[str, bytes]:
    """`images_background/Greek/character01/0394_01.png` -> PNG, 1,623 characters; `drawings` different ones recur."""
    lake = read_split("omniglot", "lake")
    names = [
        f"images_{half}/{name}/{number:04d}_{drawer + 1:02d}.png"
        for half, names in (("background", lake.train + lake.val), ("evaluation", lake.test))
        for number, name in enumerate(sorted(names))
        for drawer in range(examples)
    ]
    drawn = [png(seed) for seed in range(drawings)]
    return {name: drawn[number % drawings] for number, name in enumerate(names)}


def write_omniglot_zips(folder: Path, files: Files) -> Path:
    """The two zips in `folder`."""
    for half in ("images_background", "images_evaluation"):
        write_zip(folder / f"{half}.zip", {name: content for name, content in files.items() if name.startswith(half)})
    return folder


def photos(examples: int) -> dict[str, dict[str, bytes]]:
    """part -> {`n01532829/n0153282900000001.jpg` -> JPEG}, for the 100 classes of mini-ImageNet."""
    split = read_split("mini-imagenet", "ravi")
    return {
        part: {
            f"{name}/{name}{number:08d}.jpg": jpeg(int(name[1:]) * 1000 + number)
            for name in split.part(part)
            for number in range(examples)
        }
        for part in PARTS
    }


def write_csvs(folder: Path, parts: Mapping[str, Files]) -> None:
    """train.csv, val.csv and test.csv in `folder`."""
    for part, files in parts.items():
        (folder / f"{part}.csv").write_bytes(csv_of(files))


def csv_of(files: Iterable[str]) -> bytes:
    """filename,label"""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["filename", "label"])
    table.writerows([name.split("/")[1], name.split("/")[0]] for name in files)
    return text.getvalue().encode()


def write_zip(path: Path, files: Files) -> None:
    path.write_bytes(zip_of(files))


def zip_of(files: Files) -> bytes:
    """The content of a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, stored in files.items():
            archive.writestr(name, stored)
    return content.getvalue()


def write_tar(path: Path, files: Files) -> None:
    """Compressed as the name says."""
    mode = {".gz": "w:gz", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def write_folder(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_pickles(folder: Path, parts: Mapping[str, Files], by_python_2: bool) -> None:
    """mini-imagenet-cache-{train,val,test}.pkl"""
    for part, files in parts.items():
        images = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in files.values()])
        classes: dict[str, list[int]] = {}
        for index, name in enumerate(files):
            classes.setdefault(name.split("/")[0], []).append(index)
        written = python_2_pickle if by_python_2 else pickle.dumps
        content = written({"image_data": images, "class_dict": classes})
        (folder / f"mini-imagenet-cache-{part}.pkl").write_bytes(content)


def python_2_pickle(value: Any) -> bytes:
    """What Python 2's cPickle wrote at protocol 2: text as byte strings, numpy's names before they moved."""
    return b"\x80\x02" + _python_2(value) + b"."


def _python_2(value: Any) -> bytes:
    match value:
        case str():
            return b"U" + bytes([len(value)]) + value.encode()
        case int():
            return b"J" + struct.pack("<i", value)
        case list():
            return b"](" + b"".join(map(_python_2, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_python_2(key) + _python_2(kept) for key, kept in value.items()) + b"u"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + b"K\x00\x85" + _python_2("b") + b"tR"
    kind = b"cnumpy\ndtype\n" + _python_2("u1") + b"K\x00K\x01\x87R(K\x03" + _python_2("|")
    kind += b"NNN" + _python_2(-1) * 2 + b"K\x00tb"
    shape = b"(" + b"".join(map(_python_2, value.shape)) + b"t"
    pixels = b"T" + struct.pack("<i", value.nbytes) + value.tobytes()
    return empty + b"(K\x01" + shape + kind + b"\x89" + pixels + b"tb"


def _black_or_white(level: int) -> int:
    return 255 * (level > 127)


def _noise(seed: int, size: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def _encoded(image: Image.Image, mode: str, form: str) -> bytes:
    out = io.BytesIO()
    image.convert(mode).save(out, form)
    return out.getvalue()
