"""Make a dataset of your own images."""

from pathlib import Path

from fewshot_bench.api.pools import DatasetPool, folder_of
from fewshot_bench.data.importing.items import Items
from fewshot_bench.data.importing.planning import ImportOptions
from fewshot_bench.data.importing.pools import import_images as imported
from fewshot_bench.data.pool import Progress, silent


def import_images(
    source: str | Path | Items,
    name: str,
    *,
    size: int = 84,
    gray: bool = False,
    split: str | Path | None = None,
    split_seed: int = 0,
    skip_unreadable: bool = False,
    skip_duplicates: bool = False,
    data_dir: str | Path | None = None,
    progress: Progress = silent,
) -> DatasetPool:
    """Make a dataset of your own images, which a grid then calls `name`. The images are only read.

    `fewshot-bench data import NAME --from DIR` does the same.

    Args:
        source: A folder of class folders, also in train, val and test; a table of files and labels; an archive; or a
            torch Dataset (or a list) of (image, label). There, an image is a PIL image, a path, or an array or tensor
            [c, h, w], [h, w, c] or [h, w] of uint8 or of floats in [0, 1]; a label is an integer or a text.
        name: Its name in a grid. An older import of that name is replaced.
        size: Height and width of the prepared images, in pixels. The largest centred square is resized.
        gray: One channel in place of red, green and blue.
        split: Which classes train, validate and test: "folders", shares such as "64:16:20", or a JSON or CSV file.
            None: "folders" if there are train, val and test, else "64:16:20".
        split_seed: Seed of the order in which classes are dealt by shares.
        skip_unreadable: Leave out images that cannot be read.
        skip_duplicates: Keep the first of equal images in a class, and none of those that are in two classes.
        data_dir: The folder of the data. None: $FEWSHOT_DATA, or else datasets/.
        progress: Called with the progress of reading.

    Returns:
        The dataset with its images. `pool.manifest["left_out"]` says what was left out.

    Raises:
        BenchError: With all faults of the images at once, or if the name or the size cannot be used. No pool is
            written then.

    Examples:
        >>> letters = open_pool("glyphs").pool
        >>> items = [(letters.images[i], letters.classes[i // 20]) for i in range(200)]
        >>> import_images(items, "ten-letters", size=28, gray=True, split="60:20:20")
        ten-letters: 10 classes, 20 images each, 1 x 28 x 28
    """
    options = ImportOptions(
        size=size,
        gray=gray,
        split=None if split is None else str(split),
        split_seed=split_seed,
        skip_unreadable=skip_unreadable,
        skip_duplicates=skip_duplicates,
    )
    place = Path(source).expanduser() if isinstance(source, str | Path) else source
    made = imported(place, name, options, folder_of(data_dir), progress)
    return DatasetPool(made.dataset, made.pool)
