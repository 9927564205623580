"""The real datasets, where this machine has them, give the pools that the package knows."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.data.locations import raw_places
from fewshot_bench.data.pool import Pool
from fewshot_bench.data.verifying import verify

OMNIGLOT_POOL = "150ffb18707c7d4b1b0c0a0fb6a41e2bb87b173e710b8ac5df1acc3e8bd6fc58"
MINI_IMAGENET_POOL = "26f943a4f4547361fec2ae6991fe4237e2883fb6ed32fce9cb465cadcda35785"


def test_omniglot(omniglot_pool: Pool) -> None:
    assert omniglot_pool.images.shape == (1623 * 20, 1, 28, 28)
    assert omniglot_pool.manifest["pool_hash"] == OMNIGLOT_POOL
    assert omniglot_pool.manifest["known_as"].startswith("Omniglot")
    assert omniglot_pool.manifest["resize"] == {"nearest": 32460}
    assert not omniglot_pool.images.flags.writeable
    assert set(np.unique(omniglot_pool.images)) == {0, 255}
    assert omniglot_pool.images.mean() / 255 > 0.9  # mostly paper, and paper is white


def test_an_omniglot_image_is_where_its_name_says(omniglot_pool: Pool, omniglot_data: Path) -> None:
    zips = [place / "images_evaluation.zip" for place in raw_places(dataset_named("omniglot"), omniglot_data)]
    archive = next((path for path in zips if path.exists()), None)
    if archive is None:
        pytest.skip("the real Omniglot here is not in zips")
    with zipfile.ZipFile(archive) as opened:
        image = Image.open(io.BytesIO(opened.read("images_evaluation/Angelic/character03/0967_07.png")))
    expected = np.asarray(image.resize((28, 28), Image.Resampling.LANCZOS))
    row = omniglot_pool.classes.index("Angelic/character03")
    np.testing.assert_array_equal(omniglot_pool.of_class(row)[6, 0] == 255, expected)


def test_mini_imagenet(mini_imagenet_pool: Pool) -> None:
    assert mini_imagenet_pool.images.shape == (100 * 600, 3, 84, 84)
    assert mini_imagenet_pool.classes == tuple(sorted(mini_imagenet_pool.classes))
    assert mini_imagenet_pool.manifest["pool_hash"] == MINI_IMAGENET_POOL
    assert mini_imagenet_pool.manifest["known_as"].startswith("mini-ImageNet")
    assert mini_imagenet_pool.manifest["resize"] == {"none": 60000}


def test_a_mini_imagenet_image_is_where_its_name_says(mini_imagenet_pool: Pool, mini_imagenet_data: Path) -> None:
    tars = [place / "images_val.tar.xz" for place in raw_places(dataset_named("mini-imagenet"), mini_imagenet_data)]
    archive = next((path for path in tars if path.exists()), None)
    if archive is None:
        pytest.skip("the real mini-ImageNet here is not in tars")
    with tarfile.open(archive, "r|*") as opened:
        first = next(entry for entry in opened if entry.isfile())
        stored = opened.extractfile(first)
        assert stored is not None
        expected = np.asarray(Image.open(io.BytesIO(stored.read()))).transpose(2, 0, 1)
    row = mini_imagenet_pool.classes.index(Path(first.name).name[:9])
    np.testing.assert_array_equal(mini_imagenet_pool.of_class(row)[0], expected)


def test_omniglot_is_verified(omniglot_pool: Pool) -> None:
    verdict = verify(dataset_named("omniglot"), omniglot_pool)
    assert verdict.pool_hash == OMNIGLOT_POOL
    assert len(verdict.splits) == 3
