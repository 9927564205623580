"""How long `data import` takes for photographs: JPEGs of 500x400 to 84x84, in 50 class folders.

    uv run benchmarks/importing.py [--images 5000] [--folder DIR]

The photographs are made first: coarse random colours, enlarged, with noise, at quality 90, about 80 kB each. Seconds on
the wall depend on what else runs; seconds of CPU do so much less. Memory is that of the process without mapped files.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_bench import import_images

CLASSES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--folder", type=Path, help="where the photographs are made; absent: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "photographs"
        make_photographs(folder, options.images)
        wall, cpu = time.perf_counter(), time.process_time()
        made = import_images(folder, "photographs", data_dir=Path(temporary) / "data")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{made}\n{wall:.1f} s, {cpu:.1f} s of CPU, {1e3 * cpu / options.images:.2f} ms of CPU an image")
        print(f"memory without mapped files: {anonymous_memory() >> 20} MiB")


def make_photographs(folder: Path, number: int) -> None:
    """Makes those JPEGs that are not there yet."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-12, 13, (400, 500, 3))
    for index in range(number):
        path = folder / f"class {index % CLASSES:02d}" / f"{index}.jpg"
        colours = Image.fromarray(rng.integers(0, 256, (50, 40, 3), dtype=np.uint8))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.asarray(colours.resize((500, 400), Image.Resampling.BICUBIC)) + noise
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def anonymous_memory() -> int:
    """Bytes of memory that this process has beside mapped files (Linux only)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    main()
