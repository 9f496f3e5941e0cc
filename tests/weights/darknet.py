"""Darknet as its configurations mean it, in torch and numpy: what files are made of, what they say.

A network is a list of its sections, most in short: ("conv", filters, size, stride) is normalised
and leaky, "mish" has that, and ("answer", filters) is a 1x1 convolution that is neither. Routes and
shortcuts count as in a .cfg: backwards where negative.
"""

import struct

import numpy as np
import torch
from torch.nn import functional

LEAKY = 0.1


def residual(filters: int, times: int) -> list[tuple]:
    """A stage of Darknet-53."""
    block = [("conv", filters // 2, 1, 1), ("conv", filters, 3, 1), ("shortcut", -3)]
    return [("conv", filters, 3, 2), *block * times]


def level(filters: int) -> list[tuple]:
    """What YOLOv3 does on a map before it answers."""
    return [("conv", filters, 1, 1), ("conv", 2 * filters, 3, 1)] * 2 + [("conv", filters, 1, 1)]


def yolov3(answers: int) -> list[tuple]:
    """yolov3.cfg."""
    backbone = [("conv", 32, 3, 1)]
    for filters, times in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        backbone += residual(filters, times)
    ends = [("conv", 1024, 3, 1), ("answer", answers), ("route", -4)]
    ends += [("conv", 256, 1, 1), ("upsample",), ("route", -1, 61), *level(256)]
    ends += [("conv", 512, 3, 1), ("answer", answers), ("route", -4)]
    ends += [("conv", 128, 1, 1), ("upsample",), ("route", -1, 36), *level(128)]
    return [*backbone, *level(512), *ends, ("conv", 256, 3, 1), ("answer", answers)]


def partial(filters: int, times: int, inner: int, part: int) -> list[tuple]:
    """A stage of CSPDarkNet-53."""
    block = [("mish", inner, 1, 1), ("mish", part, 3, 1), ("shortcut", -3)]
    way = [("mish", part, 1, 1), *block * times, ("mish", part, 1, 1)]
    ways = [("mish", part, 1, 1), ("route", -2), *way, ("route", -1, -len(way) - 2)]
    return [("mish", filters, 3, 2), *ways, ("mish", filters, 1, 1)]


def yolov4(answers: int) -> list[tuple]:
    """yolov4.cfg."""
    found = [("mish", 32, 3, 1), *partial(64, 1, 32, 64)]
    for filters, times in ((128, 2), (256, 8), (512, 8), (1024, 4)):
        found += partial(filters, times, filters // 2, filters // 2)
    three = [("conv", 512, 1, 1), ("conv", 1024, 3, 1), ("conv", 512, 1, 1)]
    pools = [("pool", 5, 1), ("route", -2), ("pool", 9, 1), ("route", -4), ("pool", 13, 1)]
    found += [*three, *pools, ("route", -1, -3, -5, -6), *three]
    for filters, below in ((256, 85), (128, 54)):
        found += [("conv", filters, 1, 1), ("upsample",), ("route", below)]
        found += [("conv", filters, 1, 1), ("route", -1, -3), *level(filters)]
    found += [("conv", 256, 3, 1), ("answer", answers)]
    for filters, met in ((256, -16), (512, -37)):
        found += [("route", -4), ("conv", filters, 3, 2), ("route", -1, met), *level(filters)]
        found += [("conv", 2 * filters, 3, 1), ("answer", answers)]
    return found


def chain(*filters: int) -> list[tuple]:
    """The beginning of the tiny ones: the last pooling does not stride."""
    found = [("conv", filters[0], 3, 1)]
    for i, count in enumerate(filters[1:], 1):
        found += [("pool", 2, 2 if i < 6 else 1), ("conv", count, 3, 1)]
    return found


def yolov3_tiny(answers: int) -> list[tuple]:
    """yolov3-tiny.cfg."""
    ends = [("conv", 256, 1, 1), ("conv", 512, 3, 1), ("answer", answers), ("route", 13)]
    ends += [("conv", 128, 1, 1), ("upsample",), ("route", -1, 8), ("conv", 256, 3, 1)]
    return [*chain(16, 32, 64, 128, 256, 512, 1024), *ends, ("answer", answers)]


def yolov2(answers: int) -> list[tuple]:
    """yolov2.cfg."""
    found = [("conv", 32, 3, 1), ("pool", 2, 2), ("conv", 64, 3, 1), ("pool", 2, 2)]
    for filters, count in ((128, 3), (256, 3), (512, 5), (1024, 5)):
        for i in range(count):
            found.append(("conv", filters // 2, 1, 1) if i % 2 else ("conv", filters, 3, 1))
        found += [("pool", 2, 2)] if filters < 1024 else []
    found += [("conv", 1024, 3, 1)] * 2 + [("route", -9), ("conv", 64, 1, 1), ("reorg", 2)]
    return [*found, ("route", -1, -4), ("conv", 1024, 3, 1), ("answer", answers)]


def reorg(x: np.ndarray, stride: int) -> np.ndarray:
    """`reorg_cpu` of Darknet, `forward` 0, number by number: (channels, height, width)."""
    channels, height, width = x.shape
    fewer, flat = channels // stride**2, x.ravel()
    found = np.empty(x.size, x.dtype)
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                shift = k // fewer
                across, down = i * stride + shift % stride, j * stride + shift // stride
                from_index = across + width * stride * (down + height * stride * (k % fewer))
                found[i + width * (j + height * k)] = flat[from_index]
    return found.reshape(channels * stride**2, height // stride, width // stride)


def run(sections: list[tuple], x: np.ndarray, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Numbers for a network, and what it then answers.

    Args:
        x: (height, width, 3), as shares of 255.

    Returns:
        float32 in the order of a file, and the answers (height, width, filters) in that of the cfg.
    """
    rng = np.random.default_rng(seed)
    values, answers, maps = [], [], []
    now = torch.from_numpy(x.transpose(2, 0, 1)[None].copy()).double()

    def drawn(*shape, least=-0.1, most=0.1):
        values.append(rng.uniform(least, most, shape).astype("float32"))
        return torch.from_numpy(values[-1]).double()

    for kind, *numbers in sections:
        if kind in ("conv", "mish", "answer"):
            filters, size, stride = (*numbers, 1, 1)[:3]
            bias = drawn(filters)
            if kind != "answer":
                scale, mean = drawn(filters, least=0.7, most=1.3), drawn(filters)
                variance = drawn(filters, least=0.5, most=1.5)
            limit = (4.8 / (now.shape[1] * size**2)) ** 0.5
            kernel = drawn(filters, now.shape[1], size, size, least=-limit, most=limit)
            now = functional.conv2d(now, kernel, stride=stride, padding=size // 2)
            if kind != "answer":
                mean, scale, variance = (v[:, None, None] for v in (mean, scale, variance))
                now = scale * (now - mean) / (variance.sqrt() + 1e-6)
            now = now + bias[:, None, None]
            now = functional.leaky_relu(now, LEAKY) if kind == "conv" else now
            now = functional.mish(now) if kind == "mish" else now
        elif kind == "pool":
            size, stride = numbers
            before, after = (size - 1) // 2, size // 2
            now = functional.pad(now, (before, after) * 2, value=float("-inf"))
            now = functional.max_pool2d(now, size, stride)
        elif kind == "upsample":
            now = functional.interpolate(now, scale_factor=2, mode="nearest")
        elif kind == "reorg":
            now = torch.from_numpy(reorg(now[0].numpy(), *numbers)[None])
        elif kind == "shortcut":
            now = now + maps[numbers[0]]
        elif kind == "route":
            now = torch.cat([maps[i] for i in numbers], 1)
        maps.append(now)
        if kind == "answer":
            answers.append(now[0].permute(1, 2, 0).numpy())
            maps.append(now)  # the section [yolo] counts too
    return np.concatenate([v.ravel() for v in values]), answers


def write(path, values: np.ndarray, version=(0, 2, 0), seen: int = 32013312) -> None:
    """A .weights file."""
    kind = "<q" if version[0] * 10 + version[1] >= 2 else "<i"
    path.write_bytes(struct.pack("<3i", *version) + struct.pack(kind, seen) + values.tobytes())
