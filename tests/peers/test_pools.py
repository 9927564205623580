"""Datasets of torch, learn2learn and torchmeta become pools with the same pixels under the same names."""

import pickle
import zipfile
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from fewshot_bench.basics.errors import DataError
from fewshot_bench.peers.classes import ClassImages, class_name, from_dataset, from_torchmeta, joined
from fewshot_bench.peers.importing import learn2learn, torchmeta
from fewshot_bench.peers.pools import bytes_of, pool_of

RANDOM = np.random.default_rng(0)
BYTES = RANDOM.integers(0, 256, (3, 4, 3, 5, 6), dtype=np.uint8)  # classes, examples, channels, height, width


class Listed(Dataset):
    """A torch dataset of (image, label) from a list."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def shuffled(images, labels=range(100)):
    """All images of [classes][examples] with their labels, in some order that leaves each class's own order."""
    items = [(image, label) for label, examples in zip(labels, images, strict=False) for image in examples]
    turn = sorted(range(len(items)), key=lambda i: (i * 7) % 4)  # stable, and classes mix
    return Listed([items[i] for i in sorted(turn, key=lambda i: i % len(images[0]))])


FORMS = {
    "bytes": lambda image: image,
    "tensor of bytes": torch.from_numpy,
    "integers": lambda image: torch.from_numpy(image).long(),
    "after ToTensor": lambda image: torch.from_numpy(image).float() / 255,
    "Pillow": lambda image: Image.fromarray(image.transpose(1, 2, 0)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_image_is_the_same_bytes(form, tmp_path):
    images = [[FORMS[form](image) for image in examples] for examples in BYTES]
    pool = pool_of(from_dataset(shuffled(images)), tmp_path)
    np.testing.assert_array_equal(pool.images, BYTES.reshape(12, 3, 5, 6))
    assert pool.classes == ("00000", "00001", "00002")


def test_grey_and_black_and_white():
    grey = BYTES[0, 0, 0]
    for image in (grey, grey[None], Image.fromarray(grey), torch.from_numpy(grey) / 255, grey.astype(np.float64)):
        top = 255.0 if isinstance(image, np.ndarray) else 1.0
        np.testing.assert_array_equal(bytes_of(image, top), grey[None])
    for image in (Image.fromarray(grey > 99), torch.from_numpy(grey > 99)):
        np.testing.assert_array_equal(bytes_of(image), 255 * (grey > 99)[None])


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (torch.rand(1, 5, 6) * 2 - 1, "not bytes where white is 1"),
        (torch.rand(1, 5, 6), "not bytes where white is 1"),
        (torch.full((1, 5, 6), 200.0), "from 200 to 200.*say which value is white"),
        (torch.full((1, 5, 6), torch.nan), "not bytes"),
        (np.full((5, 6), 256), "not bytes where white is 255"),
        (np.zeros((5, 6, 3), np.uint8), r"shape \(5, 6, 3\)"),
        (Image.new("P", (5, 6)), "mode 'P'"),
    ],
)
def test_what_is_no_image_of_bytes_is_refused(image, says):
    with pytest.raises(DataError, match=says):
        bytes_of(image)


def test_known_labels_spare_reading_the_images():
    class Counted(Listed):
        reads = 0

        def __getitem__(self, index):
            self.reads += 1
            return super().__getitem__(index)

    dataset = Counted([(image, label) for label, examples in enumerate(BYTES) for image in examples])
    assert {name: of.size for name, of in from_dataset(dataset, labels=np.repeat(range(3), 4)).items()} == {
        "00000": 4,
        "00001": 4,
        "00002": 4,
    }
    assert dataset.reads == 0
    with pytest.raises(DataError, match="2 labels for the 12 items"):
        from_dataset(dataset, labels=[0, 1])


def test_classes_may_differ_in_size_or_be_cut(tmp_path):
    uneven = [list(BYTES[0]), list(BYTES[1][:2]), list(BYTES[2])]
    classes = from_dataset(Listed([(x, name) for name, xs in zip("cab", uneven, strict=True) for x in xs]))
    pool = pool_of(classes, tmp_path)
    assert pool.counts.tolist() == [2, 4, 4]
    np.testing.assert_array_equal(pool.of_class(1), BYTES[2])
    pool = pool_of(classes, tmp_path, cut_to_smallest=True)
    assert pool.classes == ("a", "b", "c")
    np.testing.assert_array_equal(pool.images, BYTES[[1, 2, 0], :2].reshape(6, 3, 5, 6))


def test_what_makes_no_pool_is_refused(tmp_path):
    with pytest.raises(DataError, match="needs classes"):
        pool_of({}, tmp_path)
    with pytest.raises(DataError, match=r"b/0 has shape \(1, 2, 2\), the first image \(3, 5, 6\)"):
        pool_of(from_dataset(Listed([(BYTES[0, 0], "a"), (np.zeros((2, 2), np.uint8), "b")])), tmp_path)
    with pytest.raises(DataError, match="has no length"):
        from_dataset(iter([]))
    with pytest.raises(DataError, match="a class is called 3; names of classes are strings"):
        pool_of({3: from_dataset(Listed([(BYTES[0, 0], "a")]))["a"]}, tmp_path)
    with pytest.raises(DataError, match="class a has 4 images by its size, but yields 2"):
        pool_of({"a": ClassImages(4, lambda: iter(BYTES[0, :2]))}, tmp_path)
    assert not any(tmp_path.iterdir())


LABELS = {
    "texts": (["a", np.str_("b")], ["a", "b"]),
    "integers": ([0, np.int64(12), np.uint8(3)], ["00000", "00012", "00003"]),
    "truth": ([True, np.False_], ["00001", "00000"]),
    "tensors": ([torch.tensor(4), torch.tensor([5]), np.array(6)], ["00004", "00005", "00006"]),
    "torchmeta's": ([("a", None), (1, "Rotation(90)")], ["a", "00001 Rotation(90)"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_name_classes(kind):
    labels, names = LABELS[kind]
    assert [class_name(label) for label in labels] == names


@pytest.mark.parametrize(
    "label",
    [
        0.5,
        1.0,
        np.float64(2),
        torch.tensor(0.5),
        torch.tensor([1, 0]),
        np.array([0.5]),
        None,
        b"1",
        ["a"],
        {},
        (1, 2, 3),
    ],
)
def test_what_names_no_class_is_refused(label):
    with pytest.raises(
        DataError, match=r"a label is .*, neither a string nor an integer\. Convert the labels, or pass name="
    ):
        class_name(label)
    with pytest.raises(DataError, match="neither a string nor an integer"):
        from_dataset(Listed([(BYTES[0, 0], label)]))


def test_float_labels_make_no_other_classes():
    labels = [0, 0.5, 1, 1.5]
    dataset = Listed([(image, label) for label in labels for image in BYTES[0]])
    for known in (None, [label for label in labels for _ in BYTES[0]]):
        with pytest.raises(DataError, match=r"a label is 0\.5"):
            from_dataset(dataset, known)
    assert list(from_dataset(dataset, name=str)) == ["0", "0.5", "1", "1.5"]


def test_items_that_are_no_pairs_are_refused():
    for item, says in (
        ({"image": BYTES[0, 0], "label": 0}, "item 0 of Listed is a dict with the keys 'image', 'label', not a pair"),
        (BYTES[0, 0], "is a ndarray, not a pair"),
        ((BYTES[0, 0],), "is a tuple, not a pair"),
    ):
        with pytest.raises(DataError, match=says):
            from_dataset(Listed([item]))
    with pytest.raises(DataError, match="labels= is a dict; give the labels of all items as a list"):
        from_dataset(Listed([(BYTES[0, 0], 0)]), {0: "a"})
    with pytest.raises(DataError, match="some labels of Listed are strings, others are not"):
        from_dataset(Listed([(BYTES[0, 0], "00001"), (BYTES[1, 0], 1)]))


def test_parts_of_a_dataset_are_joined_unless_they_name_classes_alike():
    train, val = (from_dataset(Listed([(image, 0) for image in images])) for images in BYTES[:2])
    with pytest.raises(DataError, match=r"in two datasets by the same name: 1 class \(.00000.,"):
        joined(train, val)
    other = from_dataset(Listed([(BYTES[1, 0], 0)]), name=lambda label: f"val-{class_name(label)}")
    assert list(joined(train, other)) == ["00000", "val-00000"]


@pytest.mark.peers
def test_learn2learns_datasets(tmp_path):
    """Its MiniImagenet over a stand-in for the pickle it reads: floats up to 255, labels made numbers."""
    flat = BYTES.reshape(12, 3, 5, 6)
    content = {
        "image_data": flat.transpose(0, 2, 3, 1),
        "class_dict": {f"n{c}": list(range(4 * c, 4 * c + 4)) for c in range(3)},
    }
    (tmp_path / "mini-imagenet-cache-train.pkl").write_bytes(pickle.dumps(content))
    l2l = learn2learn()
    dataset = l2l.vision.datasets.MiniImagenet(str(tmp_path), mode="train")
    wrapped = l2l.data.MetaDataset(dataset)
    for source in (dataset, wrapped):
        pool = pool_of(from_dataset(source), tmp_path / "pool", to_bytes=partial(bytes_of, top=255))
        np.testing.assert_array_equal(pool.images, BYTES.reshape(12, 3, 5, 6))
    known = [wrapped.indices_to_labels[index] for index in range(len(wrapped))]
    assert from_dataset(wrapped, known).keys() == from_dataset(wrapped).keys()


@pytest.mark.peers
def test_torchmetas_omniglot(tmp_path):
    """Its Omniglot over stand-ins for the files it downloads; drawings come in the file system's order."""
    drawings = write_omniglot(tmp_path / "omniglot")
    meta = torchmeta()
    classes = {}
    for part in ("train", "test"):
        dataset = meta.datasets.Omniglot(
            str(tmp_path), num_classes_per_task=2, meta_split=part, use_vinyals_split=False, download=True
        )
        classes |= from_torchmeta(dataset, name=lambda label: label[0].partition("/")[2])
    pool = pool_of(classes, tmp_path / "pool")
    assert pool.classes == tuple(sorted(drawings))
    for row, name in enumerate(pool.classes):
        images = pool.of_class(row)
        assert {image.tobytes() for image in images} == {(255 - drawing).tobytes() for drawing in drawings[name]}
    dataset.dataset.close()


@pytest.mark.peers
def test_torchmetas_class_augmentations_are_classes(tmp_path):
    write_omniglot(tmp_path / "omniglot")
    meta = torchmeta()
    dataset = meta.datasets.Omniglot(
        str(tmp_path),
        num_classes_per_task=2,
        meta_train=True,
        use_vinyals_split=False,
        class_augmentations=[meta.transforms.Rotation([90, 180, 270])],
        download=True,
    )
    pool = pool_of(from_torchmeta(dataset), tmp_path / "pool")
    assert pool.images.shape == (4 * 2 * 3, 1, 105, 105)
    name = "images_background/Greek/character01"
    rows = [pool.classes.index(f"{name}{turn}") for turn in ("", " Rotation(90)", " Rotation(180)", " Rotation(270)")]
    for turns, row in enumerate(rows):
        np.testing.assert_array_equal(pool.of_class(row), np.rot90(pool.of_class(rows[0]), turns, axes=(-2, -1)))
    dataset.dataset.close()


def write_omniglot(folder):
    """Four characters as torchmeta finds them after a download: zips by name, folders with drawings beside them."""
    drawings = {}
    for half, alphabet in (("images_background", "Greek"), ("images_evaluation", "Tengwar")):
        for character in ("character01", "character02"):
            images = 255 * RANDOM.integers(0, 2, (3, 105, 105), dtype=np.uint8)
            drawings[f"{alphabet}/{character}"] = images
            place = folder / half / alphabet / character
            place.mkdir(parents=True)
            for number, image in enumerate(images):
                Image.fromarray(image).convert("1").save(place / f"{number}.png")
        with zipfile.ZipFile(folder / f"{half}.zip", "w"):
            pass
    return drawings
