"""NASNet-A: Learning Transferable Architectures (Zoph et al., 2017, arXiv:1707.07012)."""

from dataclasses import dataclass

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.pooling import SamePadding2D
from kapps.layers.separable import separable_norm


@dataclass(frozen=True)
class Cell:
    """Figure 4: pairs of operations that are added, and which sums are the output.

    An operation is its kind, its size, and what it works on: the current map "h", the previous one
    "p", or the sum of an earlier pair by number.
    """

    strides: int
    pairs: tuple
    outputs: tuple


NORMAL = Cell(
    1,
    (
        (("separable", 5, "h"), ("separable", 3, "p")),
        (("separable", 5, "p"), ("separable", 3, "p")),
        (("avg_pool", 3, "h"), ("identity", 0, "p")),
        (("avg_pool", 3, "p"), ("avg_pool", 3, "p")),
        (("separable", 3, "h"), ("identity", 0, "h")),
    ),
    ("p", 1, 2, 3, 4, 5),
)
REDUCTION = Cell(
    2,
    (
        (("separable", 5, "h"), ("separable", 7, "p")),
        (("max_pool", 3, "h"), ("separable", 7, "p")),
        (("avg_pool", 3, "h"), ("separable", 5, "p")),
        (("identity", 0, 2), ("avg_pool", 3, 1)),
        (("separable", 3, 1), ("max_pool", 3, "h")),
    ),
    (2, 3, 4, 5),
)


def operation(x, nn: Blocks, kind, size, strides, filters, zeros_count, name):
    """One yellow box of figure 4, such as "sep 5x5": twice ReLU, convolution, normalisation."""
    if kind == "identity":
        return x
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
    return pool(x, size, strides, padding, name=name)


def fit(p, nn: Blocks, filters, halve, name):
    """The previous map as wide and as large as the current one (appendix A.4)."""
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


def apply(cell: Cell, x, p, nn: Blocks, filters, zeros_count, halve=False, *, name):
    """A cell on the current map `x` and the previous one `p`; `halve` where p is twice as large."""
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


def backbone(
    x,
    nn: Blocks,
    *,
    penultimate_filters: int,
    num_blocks: int,
    stem_block_filters: int,
    skip_reduction: bool,
    zeros_count: tuple[str, ...],
):
    filters = penultimate_filters // 24  # the last cell concatenates six maps of four times that
    p = nn.conv_norm_act(
        x, stem_block_filters, 3, strides=2, padding="valid", activation=False, name="stem"
    )
    x = apply(REDUCTION, p, None, nn, filters // 4, zeros_count, name="stage2_block1")
    p, x = x, apply(REDUCTION, x, p, nn, filters // 2, zeros_count, True, name="stage3_block1")
    for stage in (3, 4, 5):
        if stage > 3:
            filters *= 2
            reduced = apply(REDUCTION, x, p, nn, filters, zeros_count, name=f"stage{stage}_block1")
            # Whether the next cell looks back at the map before the reduction or one before that.
            p, x = (p if skip_reduction else x), reduced
        for block in range(2, num_blocks + 2):
            name = f"stage{stage}_block{block}"
            p, x = x, apply(NORMAL, x, p, nn, filters, zeros_count, block == 2, name=name)
    return nn.act(x, name="stage5_act")


def _application(name, size, references=(), **config):
    def flavor(*zeros_count, **conventions):
        return Flavor(
            "tensorflow", norm_momentum=0.9997, config={"zeros_count": zeros_count}, **conventions
        )

    # In which strided pools the zeros around the map count like pixels.
    flavors = {"keras": flavor("max_pool", "avg_pool")}
    if references:
        flavors["torch"] = flavor("avg_pool", crop_pct=0.911, interpolation="bicubic")
    return Application(
        name,
        backbone,
        size=size,
        flavors=flavors,
        config=config,
        stages={2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"keras/{name}", "keras"), *references),
    )


NASNetMobile = _application(  # NASNet-A (4 @ 1056)
    "NASNetMobile",
    224,
    penultimate_filters=1056,
    num_blocks=4,
    stem_block_filters=32,
    skip_reduction=False,
)
NASNetLarge = _application(  # NASNet-A (6 @ 4032)
    "NASNetLarge",
    331,
    (reference("timm/nasnetalarge", "torch"),),
    penultimate_filters=4032,
    num_blocks=6,
    stem_block_filters=96,
    skip_reduction=True,
)

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
