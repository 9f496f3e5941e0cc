"""The cells of NASNet and PNASNet, which a search found: pairs of operations, written as data."""

from dataclasses import dataclass

from keras import layers

from kapps.layers.blocks import Blocks
from kapps.layers.pooling import SamePadding2D
from kapps.layers.separable import separable_norm


@dataclass(frozen=True)
class Cell:
    """Pairs of operations that are added, and which sums are the output.

    An operation is its kind, its size, and what it works on: the current map "h", the previous one
    "p", or the sum of an earlier pair by number.
    """

    strides: int
    pairs: tuple
    outputs: tuple


def operation(x, nn: Blocks, kind, size, strides, filters, zeros_count, name):
    """One box in the figures of these papers; a "separable" is convolved and normalised twice."""
    if kind == "identity" and strides == 1:
        return x
    if kind == "identity":
        x = nn.act(x, name=f"{name}_act")
        return nn.conv_norm_act(x, filters, strides=strides, activation=False, name=name)
    if kind == "separable":
        for index, stride in ((1, strides), (2, 1)):
            x = nn.act(x, name=f"{name}_{index}_act")
            x = separable_norm(x, nn, filters, size, stride, name=f"{name}_{index}")
        return x
    padding = "same"
    if strides == 2 and kind in zeros_count:
        x = SamePadding2D(size, strides, nn.data_format, name=f"{name}_pad")(x)
        padding = "valid"
    pool = nn.max_pool if kind == "max_pool" else nn.avg_pool
    x = pool(x, size, strides, padding, name=name)
    if nn.channels(x) != filters:
        x = nn.conv_norm_act(x, filters, activation=False, name=name)
    return x


def fit(p, nn: Blocks, filters, halve, name):
    """The previous map as wide and as large as the current one: NASNet, appendix A.4."""
    if not halve and nn.channels(p) == filters:
        return p
    p = nn.act(p, name=f"{name}_act")
    if not halve:
        return nn.conv_norm_act(p, filters, activation=False, name=name)
    # Half the filters see the even pixels, half the odd ones.
    even, odd = p, nn.pad(p, ((0, 1), (0, 1)), f"{name}_odd")
    odd = layers.Cropping2D(((1, 0), (1, 0)), nn.data_format, name=f"{name}_odd_crop")(odd)
    halves = [
        nn.conv(half, filters // 2, strides=2, use_bias=False, name=f"{name}_{side}_conv")
        for side, half in (("even", even), ("odd", odd))
    ]
    return nn.norm(nn.concat(halves, name=f"{name}_concat"), name=f"{name}_norm")


def apply(cell: Cell, x, p, nn: Blocks, filters, zeros_count=(), halve=False, *, name):
    """A cell on the current map `x` and the previous one `p`.

    Args:
        p: None where there is no previous map, so that `x` stands for it as it is.
        zeros_count: of "max_pool" and "avg_pool" those in which, where they stride, the zeros
            around the map count like pixels.
        halve: whether `p` is twice as large as `x`.
    """
    p = x if p is None else fit(p, nn, filters, halve, f"{name}_previous")
    h = nn.act(x, name=f"{name}_current_act")
    h = nn.conv_norm_act(h, filters, activation=False, name=f"{name}_current")
    maps = {"h": h, "p": p}
    for number, pair in enumerate(cell.pairs, 1):
        ends = []
        for side, (kind, size, source) in zip(("left", "right"), pair, strict=True):
            strides = cell.strides if source in ("h", "p") else 1
            side_name = f"{name}_pair{number}_{side}"
            ends.append(
                operation(maps[source], nn, kind, size, strides, filters, zeros_count, side_name)
            )
        maps[number] = nn.residual(*ends, name=f"{name}_pair{number}")
    return nn.concat([maps[source] for source in cell.outputs], name=f"{name}_concat")
