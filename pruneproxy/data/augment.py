"""Augmentation of whole batches: one set of draws per image, made on the CPU, applied on the images' device.

Every function takes raw images in 0..255, before normalisation, as torchvision's pipelines do (RandomCrop
pads the raw image with 0, Normalize comes last), so padding is black and not the mean.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a training batch is changed, which central share of the side (`window`) an evaluation
    batch shows, and whether the images must have three channels (`colour`).
    """

    change: Callable[[Tensor, Generator], Tensor]
    text: str
    window: float = 1.0
    colour: bool = False


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """`count` draws from [low, high), one per image, on the CPU; of several generators equal parts, in their order."""
    if isinstance(generator, tuple):
        return torch.cat([uniform(count // len(generator), low, high, one) for one in generator])
    return torch.rand(count, generator=generator) * (high - low) + low


def integers(count: int, stop: int, generator: Generator) -> Tensor:
    """`count` draws from 0..stop-1, one per image, on the CPU; of several generators equal parts, in their order."""
    if isinstance(generator, tuple):
        return torch.cat([integers(count // len(generator), stop, one) for one in generator])
    return torch.randint(stop, (count,), generator=generator)


def windows(images: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """The side x side window of each image whose upper left corner is (top, left)."""
    views = images.unfold(2, side, 1).unfold(3, side, 1)
    rows = torch.arange(len(images), device=images.device)
    return views[rows, :, top.to(images.device), left.to(images.device)]


def flipped(images: Tensor, which: Tensor) -> Tensor:
    """The images, those for which `which` is true mirrored left to right."""
    return torch.where(which.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def sampled(images: Tensor, rows: Tensor, columns: Tensor, *, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    """Float images read at pixel coordinates (rows, columns), each (N, H, W); a pixel's centre is an integer."""
    height, width = images.shape[2:]
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=3)
    return functional.grid_sample(
        images.float(), grid.to(images.device), mode=mode, padding_mode=padding, align_corners=False
    )


def centres(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Row and column coordinates (N, side, side) of every pixel."""
    line = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return rows.expand(count, -1, -1), columns.expand(count, -1, -1)


def translated(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images moved by (down, right) pixels, bilinear, the border mirrored."""
    rows, columns = centres(len(images), images.shape[-1])
    return sampled(images, rows - down.view(-1, 1, 1), columns - right.view(-1, 1, 1), padding="reflection")


def rotated(images: Tensor, degrees: Tensor) -> Tensor:
    """Images turned counter-clockwise about their centre, nearest neighbour, black outside."""
    rows, columns = centres(len(images), images.shape[-1])
    middle = (images.shape[-1] - 1) / 2
    angle = torch.deg2rad(degrees).view(-1, 1, 1)
    y, x = rows - middle, columns - middle
    turned_y, turned_x = y * angle.cos() + x * angle.sin(), x * angle.cos() - y * angle.sin()
    return sampled(images, turned_y + middle, turned_x + middle, mode="nearest")


def zoomed(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """The box of each image enlarged to the full side, bilinear, nothing read from outside the box."""
    side = images.shape[-1]
    rows, columns = centres(len(images), side)

    def along(line: Tensor, start: Tensor, length: Tensor) -> Tensor:
        start, length = start.view(-1, 1, 1).float(), length.view(-1, 1, 1).float()
        inside = ((line + 0.5) * length / side - 0.5).clamp(min=0).minimum(length - 1)
        return start + inside

    return sampled(images, along(rows, top, height), along(columns, left, width))


def coloured(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """RGB images with `brightness` added, then contrast and saturation scaled, each clipped to 0..255."""
    device, grey = images.device, torch.tensor([0.2989, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    added, scale, colour = (draw.to(device).view(-1, 1, 1, 1) for draw in (brightness, contrast, saturation))
    bright = (images.float() + added).clamp(0, 255)
    mean = (bright * grey).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    strong = (bright * scale + mean * (1 - scale)).clamp(0, 255)
    return (strong * colour + (strong * grey).sum(1, keepdim=True) * (1 - colour)).clamp(0, 255)


def random_flip(images: Tensor, generator: Generator) -> Tensor:
    """Each image mirrored with probability 1/2."""
    return flipped(images, integers(len(images), 2, generator).bool())


def random_crop(images: Tensor, generator: Generator, *, padding: int = 4, mode: str = "constant") -> Tensor:
    """A window of the original side out of the padded image, its place drawn per image."""
    # reflection of integers is not implemented; constant padding of uint8 is, and is four times faster
    padded = functional.pad(images if mode == "constant" else images.float(), (padding,) * 4, mode=mode)
    top, left = (integers(len(images), 2 * padding + 1, generator) for _ in range(2))
    return windows(padded, top, left, images.shape[-1])


def random_window(images: Tensor, generator: Generator, *, share: float = 7 / 8) -> Tensor:
    """A window of `share` of the side, its place drawn per image: 224 of 256."""
    side = window_side(images.shape[-1], share)
    top, left = (integers(len(images), images.shape[-1] - side + 1, generator) for _ in range(2))
    return windows(images, top, left, side)


def random_translation(images: Tensor, generator: Generator, *, share: float = 0.1) -> Tensor:
    """Images moved by at most `share` of the side in both directions."""
    reach = share * images.shape[-1]
    return translated(images, *(uniform(len(images), -reach, reach, generator) for _ in range(2)))


def random_rotation(images: Tensor, generator: Generator, *, degrees: float = 15.0) -> Tensor:
    """Images turned by at most `degrees`."""
    return rotated(images, uniform(len(images), -degrees, degrees, generator))


def random_centre(images: Tensor, generator: Generator, *, share: float = 7 / 8) -> Tensor:
    """With probability 1/2 the centre (28 of 32 pixels) enlarged to the full side."""
    full, count = images.shape[-1], len(images)
    chosen = integers(count, 2, generator).bool()
    side = torch.where(chosen, window_side(full, share), full)
    corner = (full - side) // 2
    return zoomed(images, corner, corner, side, side)


def random_box(images: Tensor, generator: Generator, *, attempts: int = 10) -> Tensor:
    """A box of 8-100 % of the area and aspect 3/4-4/3, enlarged to the full side (torchvision's RandomResizedCrop).

    The first of `attempts` draws that fits is taken; an image without one is shown whole.
    """
    count, side = len(images), images.shape[-1]
    area = uniform(count * attempts, 0.08, 1.0, generator) * side**2
    aspect = uniform(count * attempts, math.log(3 / 4), math.log(4 / 3), generator).exp()
    height, width = (area / aspect).sqrt().round().clamp(min=1), (area * aspect).sqrt().round().clamp(min=1)
    fits = ((height <= side) & (width <= side)).view(count, attempts)
    first = torch.arange(count) * attempts + fits.int().argmax(1)
    height, width = (torch.where(fits.any(1), value[first], float(side)) for value in (height, width))
    top, left = (((side - length + 1) * uniform(count, 0, 1, generator)).floor() for length in (height, width))
    return zoomed(images, top, left, height, width)


def random_colour(images: Tensor, generator: Generator) -> Tensor:
    """Brightness within 20 % of the range, contrast and saturation within a factor 0.8-1.2."""
    count = len(images)
    brightness = uniform(count, -0.2 * 255, 0.2 * 255, generator)
    return coloured(images, brightness, *(uniform(count, 0.8, 1.2, generator) for _ in range(2)))


def window_side(side: int, share: float) -> int:
    """The side of the window that shows `share` of `side`."""
    return round(side * share)


def centre(images: Tensor, share: float) -> Tensor:
    """The central window of every image: what evaluation shows under a policy with a window."""
    side = window_side(images.shape[-1], share)
    start = (images.shape[-1] - side) // 2
    return images[:, :, start : start + side, start : start + side]


def chain(*steps: Callable[..., Tensor], **choices) -> Callable[[Tensor, Generator], Tensor]:
    """The steps one after the other; `choices` go to the first."""

    def change(images: Tensor, generator: Generator) -> Tensor:
        images = steps[0](images, generator, **choices)
        for step in steps[1:]:
            images = step(images, generator)
        return images

    return change


AUGMENTATIONS: dict[str, Policy] = {
    "none": Policy(change=lambda images, generator: images, text="images as they are"),
    "flip": Policy(change=random_flip, text="mirrored left to right"),
    "crop": Policy(change=random_crop, text="zero padding of 4, random crop"),
    "crop-flip": Policy(
        change=chain(random_crop, random_flip),
        text="zero padding of 4, random crop, flip (hp_space Sec. 3.1.1, proxy_hpo, ekg)",
    ),
    "crop-reflect-flip": Policy(
        change=chain(random_crop, random_flip, mode="reflect"),
        text="mirrored padding of 4, random crop, flip (ekg's released code)",
    ),
    "crop-flip-colour": Policy(
        change=chain(random_crop, random_flip, random_colour),
        text="crop-flip, then brightness, contrast, saturation (ekg's fine-tuning)",
        colour=True,
    ),
    "rotate-crop-flip": Policy(
        change=chain(random_rotation, lambda images, generator: random_crop(images, generator, padding=6), random_flip),
        text="turned by up to 15 degrees, zero padding of 6, random crop, flip (proxy_hpo on Tiny-ImageNet)",
    ),
    "translate-flip": Policy(
        change=chain(random_translation, random_flip),
        text="moved by up to 10 % with a mirrored border, flip (sparse_tradeoff's released code)",
    ),
    "centre-flip": Policy(
        change=chain(random_centre, random_flip),
        text="half of the images enlarged by 8/7, flip (proxy_hpo's released code)",
    ),
    "box-flip": Policy(
        change=chain(random_box, random_flip),
        text="random resized crop of 8-100 % of the area, flip (find_eval Sec. A.1)",
    ),
    "window-flip": Policy(
        change=chain(random_window, random_flip),
        text="7/8 of the side (224 of 256) at random, flip (hp_space on ImageNet)",
        window=7 / 8,
    ),
}
