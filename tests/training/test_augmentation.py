"""Augmentation of training images, against Pillow and torchvision; a pure function of the task's number."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torchvision.transforms import functional as vision

from fewshot_bench.cells.folders import folder_of
from fewshot_bench.data.datasets import dataset_named, open_pool
from fewshot_bench.grid.expand import expand
from fewshot_bench.grid.files import GridFile
from fewshot_bench.grid.run import run
from fewshot_bench.training.assembly import assemble
from fewshot_bench.training.augmentation import augmented, cropped, flipped, jittered, numbers
from fewshot_bench.training.plan import Plan
from tests.tiny import SMALL, tiny_cell, tiny_grid


@pytest.fixture
def photo() -> torch.Tensor:
    """Four smooth images, so that two interpolations agree: [4, 3, 24, 24] in [0, 1]."""
    waves = torch.linspace(0, 3, 24)
    grid = torch.sin(waves[:, None] + 2 * waves[None]) / 2 + 0.5
    return torch.stack([torch.stack([grid, grid.T, grid.flip(0)]) * scale for scale in (1.0, 0.9, 0.7, 0.5)])


def test_a_crop_is_that_part_of_the_image_enlarged(photo: torch.Tensor) -> None:
    """A quarter of the area (half the side) in the upper left corner, then torchvision's resize of that part."""
    area = (0.25 - 0.08) / 0.92
    square = np.log(4 / 3) / np.log((4 / 3) / (3 / 4))  # the ratio 1
    drawn = torch.tensor([[area, square, 0.0, 0.0]]).expand(4, -1)
    expected = vision.resize(photo[:, :, :12, :12], [24, 24], antialias=False)
    inner = slice(2, -2)  # torchvision ends at the part's edge, ours sees beyond it
    torch.testing.assert_close(cropped(photo, drawn)[..., inner, inner], expected[..., inner, inner], atol=2e-3, rtol=0)


def test_the_whole_image_is_a_crop(photo: torch.Tensor) -> None:
    whole = torch.tensor([[1.0, np.log(4 / 3) / np.log(16 / 9), 0.5, 0.5]]).expand(4, -1)
    torch.testing.assert_close(cropped(photo, whole), photo, atol=1e-6, rtol=0)


def test_jitter_is_pillows(photo: torch.Tensor) -> None:
    """Brightness, contrast, colour, each by ImageEnhance, as in the code; Pillow rounds to a grey level each time."""
    drawn = torch.tensor([[0.9, 0.2, 0.7], [0.1, 0.8, 0.3], [0.5, 0.5, 0.5], [1.0, 0.0, 1.0]])
    found = jittered(photo, drawn)
    for image, by, ours in zip(photo, 1 + 0.4 * (2 * drawn - 1), found, strict=True):
        expected = Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy())
        for enhance, factor in zip(
            (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), by, strict=True
        ):
            expected = enhance(expected).enhance(float(factor))
        theirs = torch.from_numpy(np.asarray(expected).astype(np.float32) / 255).permute(2, 0, 1)
        assert (ours - theirs).abs().max() < 4 / 255


def test_half_of_the_images_are_mirrored(photo: torch.Tensor) -> None:
    found = flipped(photo, torch.tensor([0.1, 0.9, 0.49, 0.5]))
    for image, ours, is_flipped in zip(photo, found, (True, False, True, False), strict=True):
        assert torch.equal(ours, vision.hflip(image) if is_flipped else image)
    drawn = numbers("key", np.arange(500), 20)
    assert drawn.shape == (500, 20, 8)
    assert abs(drawn.mean() - 0.5) < 5 * np.sqrt(1 / 12 / drawn.size)


def test_numbers_of_a_task_do_not_depend_on_its_batch(photo: torch.Tensor) -> None:
    np.testing.assert_array_equal(numbers("key", np.arange(50), 6)[[7, 42]], numbers("key", np.array([7, 42]), 6))
    assert (numbers("key", np.arange(5), 6) != numbers("other", np.arange(5), 6)).all()
    out = augmented(photo, torch.from_numpy(numbers("key", np.array([0]), 4)[0]).float())
    assert out.shape == photo.shape
    assert (out >= 0).all()
    assert (out <= 1).all()


def test_training_tasks_alone_are_augmented_and_the_protocol_says_so(pattern_data: Path) -> None:
    plain, changed = tiny_cell(), tiny_cell({"augmentation": "crop-jitter-flip"})
    pool = open_pool(dataset_named("omniglot"), pattern_data)
    without, with_ = (assemble(cell, pool, Plan("cpu", 1, 1)) for cell in (plain, changed))
    assert plain.id != changed.id
    assert torch.equal(without.streams.test(0, 2).support.x, with_.streams.test(0, 2).support.x)
    first = with_.streams.train(0, 4)
    assert not torch.equal(without.streams.train(0, 4).support.x, first.support.x)
    assert torch.equal(with_.streams.train(3, 5).query.x[0], first.query.x[3])
    assert torch.equal(without.streams.train(0, 4).support.y, first.support.y)
    assert with_.fingerprint["augmentation"] == "crop-jitter-flip"
    assert "augmentation" not in without.fingerprint


def test_a_traced_plan_trains_alike(pattern_data: Path, tmp_path: Path) -> None:
    results = []
    cell = tiny_cell({"augmentation": "crop-jitter-flip", "inner_steps": 1}, learner="fomaml", backbone=SMALL)
    for program in ("eager", "traced"):
        out = tmp_path / program
        plan = {"program": program, "tasks_at_once": 2, "workers": 1}
        assert run([cell], out, data_dir=pattern_data, plan=plan).undone == {}
        results.append(json.loads((folder_of(out, cell) / "result.json").read_text())["test_loss"])
    assert results[0] == pytest.approx(results[1], rel=1e-2)


def test_an_untrained_cell_has_none() -> None:
    grid = tiny_grid(training={"iterations": 0, "augmentation": "crop-jitter-flip"})
    (cell,) = expand(GridFile("grid", "grid.toml", grid))
    assert cell.training.augmentation is None
