"""Two images of a cell tell whether its backbone is one."""

from dataclasses import replace

import pytest
import torchvision
from torch import nn

from fewshot_bench.data.datasets import dataset_named
from fewshot_bench.grid.validation import network_faults
from tests.tiny import tiny_cell

CELL = tiny_cell(dataset="mini-imagenet", split="ravi", ways=5, backbone_options=())


def resnet18(image, ways):
    """torchvision's, for colour images, as most are that others made."""
    return torchvision.models.resnet18(num_classes=ways)


def random(image, ways):
    draws = nn.FractionalMaxPool2d(2, 4)
    return nn.Sequential(draws, nn.Flatten(), nn.Linear(16 * image.channels, ways))


def told(backbone, dataset):
    name = f"{__name__}:{backbone.__name__}"
    return network_faults(
        [replace(CELL, dataset=dataset, split=next(iter(dataset_named(dataset).splits)), backbone=name)] * 2
    )


def test_a_network_of_others_is_usable_on_the_images_it_is_for():
    assert told(resnet18, "mini-imagenet") == []


@pytest.mark.parametrize(
    ("backbone", "parts"),
    [
        (
            resnet18,
            (
                ":resnet18' for omniglot, 5 ways: RuntimeError: ",
                "to have 3 channels, but got 1 channels",
                "(the images of omniglot are [n, 1, 28, 28])",
            ),
        ),
        (random, (":random' for omniglot, 5 ways: draws random numbers in evaluation that cannot be drawn again.",)),
    ],
)
def test_others_are_told_once_with_network_dataset_and_shape(backbone, parts):
    (fault,) = told(backbone, "omniglot")
    assert all(part in fault for part in parts), fault
