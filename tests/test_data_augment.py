"""Augmentation on tensors, against torchvision image by image."""

import pytest
import torch
from torch.nn import functional as nn
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as vision

from pruneproxy.data import AUGMENTATIONS, DataConfig, Dataset, Split, augment, load, prepare
from pruneproxy.errors import UserError


def pictures(count=6, side=32, channels=3):
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=seeded(0))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def colour_data(images, **choices):
    """A data set of the given images, normalised by constants other than 0 and 1."""
    split = Split(images, torch.zeros(len(images), dtype=torch.int64))
    mean, std = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([2.0, 3.0, 4.0])
    config = DataConfig(name="cifar10", **choices)
    parts = {"train": split, "validation": split, "test": split}
    return Dataset(config=config, **parts, classes=("a",), mean=mean, std=std, fingerprint="", source="")


def test_crop_and_flip_equal_torchvision_with_zero_padding_before_normalisation():
    images = pictures()
    data = colour_data(images, augment="crop-flip")
    batch = prepare(data.train, torch.arange(6), data, generator=seeded(3))
    draws = seeded(3)
    top, left = (torch.randint(9, (6,), generator=draws) for _ in range(2))
    flips = torch.randint(2, (6,), generator=draws)
    for i, image in enumerate(images):
        cropped = vision.crop(vision.pad(image, 4, fill=0), int(top[i]), int(left[i]), 32, 32)
        turned = vision.hflip(cropped) if flips[i] else cropped
        expected = vision.normalize(turned.float(), data.mean.tolist(), data.std.tolist())
        assert torch.equal(batch[i], expected)


def test_rotation_equals_torchvision():
    images, degrees = pictures().float(), torch.tensor([-15.0, -7.3, -1.0, 0.0, 5.5, 14.9])
    for image, angle, ours in zip(images, degrees, augment.rotated(images, degrees), strict=True):
        theirs = vision.rotate(image, float(angle))
        assert (ours != theirs).any(0).float().mean() < 0.01  # ties between two nearest pixels


def test_an_enlarged_box_equals_torchvision():
    images = pictures().float()
    top, left = torch.tensor([0, 3, 10, 31, 4, 0]), torch.tensor([0, 20, 1, 31, 5, 2])
    height, width = torch.tensor([32, 10, 22, 1, 9, 28]), torch.tensor([32, 12, 31, 1, 27, 3])
    ours = augment.zoomed(images, top, left, height, width)
    for i, image in enumerate(images):
        box = (int(top[i]), int(left[i]), int(height[i]), int(width[i]))
        assert torch.allclose(ours[i], vision.resized_crop(image, *box, [32, 32]), atol=0.02)


def test_a_translation_by_whole_pixels_is_a_crop_of_the_mirrored_image():
    images = pictures(2).float()
    moved = augment.translated(images, torch.tensor([3.0, -2.0]), torch.tensor([0.0, 1.0]))
    for image, ours, (down, right) in zip(images, moved, [(3, 0), (-2, 1)], strict=True):
        mirrored = torch.cat([image.flip(1), image, image.flip(1)], 1)
        mirrored = torch.cat([mirrored.flip(2), mirrored, mirrored.flip(2)], 2)
        expected = mirrored[:, 32 - down : 64 - down, 32 - right : 64 - right]
        assert torch.allclose(ours, expected, atol=0.01)


def test_colours_equal_torchvision():
    images = pictures(3)
    draws = torch.tensor([-40.0, 0.0, 51.0]), torch.tensor([0.8, 1.0, 1.2]), torch.tensor([1.2, 0.8, 1.0])
    for image, ours, added, contrast, saturation in zip(images, augment.coloured(images, *draws), *draws, strict=True):
        theirs = ((image.float() + added).clamp(0, 255) / 255).clamp(0, 1)
        theirs = vision.adjust_saturation(vision.adjust_contrast(theirs, float(contrast)), float(saturation))
        assert torch.allclose(ours / 255, theirs, atol=1e-4)


def test_reflecting_padding_equals_torch():
    images = pictures()
    ours = augment.random_crop(images, seeded(1), mode="reflect")
    draws = seeded(1)
    top, left = (torch.randint(9, (6,), generator=draws) for _ in range(2))
    padded = nn.pad(images.float(), (4, 4, 4, 4), mode="reflect")
    for i in range(6):
        assert torch.equal(ours[i], vision.crop(padded[i], int(top[i]), int(left[i]), 32, 32))


def test_random_boxes_have_the_area_and_aspect_of_torchvisions(monkeypatch):
    boxes = {}
    monkeypatch.setattr(augment, "zoomed", lambda images, *box: boxes.update(box=torch.stack(box, 1)) or images)
    augment.random_box(torch.zeros(4000, 1, 64, 64), seeded(0))
    top, left, height, width = boxes["box"].T
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 64).all() and (left + width <= 64).all()
    torch.manual_seed(0)
    draws = [RandomResizedCrop.get_params(torch.zeros(1, 64, 64), (0.08, 1), (3 / 4, 4 / 3)) for _ in range(4000)]
    theirs = torch.tensor(draws).float()
    for value in (lambda box: box[:, 2] * box[:, 3] / 64**2, lambda box: box[:, 3] / box[:, 2], lambda box: box[:, 0]):
        ours, expected = value(boxes["box"]), value(theirs)
        assert float(ours.mean()) == pytest.approx(float(expected.mean()), rel=0.05)
        assert float(ours.std()) == pytest.approx(float(expected.std()), rel=0.05)


def test_a_window_is_random_in_training_and_central_in_evaluation():
    data = colour_data(pictures(), augment="window-flip")
    assert data.shape == (3, 28, 28)
    batch = prepare(data.train, torch.arange(6), data)
    central = data.train.inputs[:, :, 2:30, 2:30].float()
    assert torch.equal(batch, (central - data.mean.view(-1, 1, 1)) / data.std.view(-1, 1, 1))
    assert prepare(data.train, torch.arange(6), data, generator=seeded(0)).shape == batch.shape


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_keeps_shape_and_range_and_repeats_and_spares_its_input(name):
    images = pictures(8, side=16)
    before = images.clone()
    first, second, other = (AUGMENTATIONS[name].change(images, seeded(seed)) for seed in (0, 0, 1))
    side = round(16 * AUGMENTATIONS[name].window)
    assert first.shape == (8, 3, side, side)
    assert first.min() >= 0 and first.max() <= 255.01
    assert torch.equal(first, second) and torch.equal(images, before)
    assert name == "none" or not torch.equal(first, other)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_happens_only_with_a_generator(name):
    data = colour_data(pictures(), augment=name)
    index = torch.tensor([4, 1])
    assert torch.equal(prepare(data.train, index, data), prepare(data.train, index, data))


def test_images_of_one_batch_get_different_draws():
    images = pictures(1).expand(64, -1, -1, -1).contiguous()
    changed = AUGMENTATIONS["crop-flip"].change(images, seeded(0))
    assert len({image.numpy().tobytes() for image in changed}) > 40


def test_one_channel_images_can_be_augmented():
    data = load(DataConfig(augment="crop-flip"))
    assert prepare(data.train, torch.arange(5), data, generator=seeded(0)).shape == (5, 1, 8, 8)


def test_an_unknown_augmentation_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UserError, match="unknown augmentation 'crop_flip'.*crop-flip"):
        DataConfig(augment="crop_flip")


def test_colour_on_grey_images_is_an_error():
    with pytest.raises(UserError, match="augment='crop-flip-colour' needs colour images, and those of digits"):
        DataConfig(augment="crop-flip-colour")
