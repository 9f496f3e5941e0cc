"""YOLOv6: A Full-Scale Reloading (Li et al., 2023, arXiv:2301.05586), version 3.0, whose published
weights are under GPL-3.0.

None of them is a default here. The layers are those of Meituan's code, whose files load; the first
paper is arXiv:2209.02976. What it trains with is here: `kapps.reparameterize(model)` is what it
predicts with. Its anchors and its teacher, which only help training, are not here.
"""

from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.retinanet import prior_bias
from kapps.applications.yolov8 import GREY, distances, repeats
from kapps.detection.suppression import Suppression
from kapps.layers import (
    Blocks,
    LayerScale,
    branched_conv,
    conv_transpose,
    scaled,
    spp_csp,
    sppf,
)

VARIANTS = {  # depth, width, share of the filters within a stage, whether blocks are plain
    # convolutions, bins, loss of a box
    "N": (0.33, 0.25, None, False, None, "siou"),
    "S": (0.33, 0.50, None, False, None, "giou"),
    "M": (0.60, 0.75, 2 / 3, False, 17, "giou"),
    "L": (1.00, 1.00, 1 / 2, True, 17, "giou"),
}
STAGES = ((128, 6), (256, 12), (512, 18), (1024, 6))  # filters, blocks
NECK = {4: (256, 12), 3: (128, 12)}  # of the maps on their way down
UP = {4: (256, 12), 5: (512, 12)}  # and up
COCO = 80

TORCH = Flavor("unit", padding="symmetric", norm_epsilon=1e-3, norm_momentum=0.97)
BLOCKS = {"kernel_initializer": "torch_uniform"}
SUPPRESSION = Suppression(0.4, 0.45, 1000, 30000, best_class=True)


def block(x, nn: Blocks, filters: int, strides: int = 1, *, plain=False, name: str):
    """RepVGG's, or, in the largest, a convolution with SiLU: section 2.1 of the first paper."""
    if plain:  # with a bias, which the norm takes out again, but published
        x = nn.norm(nn.conv(x, filters, 3, strides, name=f"{name}_conv"), name=f"{name}_norm")
        return nn.act(x, "silu", name=f"{name}_act")
    return nn.act(branched_conv(x, nn, filters, 3, strides, name=name), name=f"{name}_act")


def stage(x, nn: Blocks, filters: int, depth: int, share: float | None, plain: bool, *, name: str):
    """Blocks one after the other or, of the larger ones, pairs of them on one of two ways.

    Source: figures 3 and 4 of the first paper: RepBlock, and CSPStackRep, whose inputs have a
    weight where they are added to a pair.
    """
    if share is None:
        for index in range(1, depth + 1):
            x = block(x, nn, filters, name=f"{name}_block{index}")
        return x
    activation, width = "silu" if plain else "relu", int(filters * share)
    conv = partial(nn.conv_norm_act, activation=activation)
    around = conv(x, width, name=f"{name}_around")
    x = conv(x, width, name=f"{name}_through")
    for index in range(1, depth // 2 + 1):
        y = x
        for step in (1, 2):
            y = block(y, nn, width, plain=plain, name=f"{name}_block{index}_{step}")
        x = LayerScale(1.0, None, name=f"{name}_block{index}_scale")(x)
        x = nn.residual(x, y, name=f"{name}_block{index}")
    both = nn.concat([x, around], name=f"{name}_concat")
    return conv(both, filters, name=f"{name}_merge")


def backbone(x, nn: Blocks, *, depth: float, width: float, share: float | None, plain: bool):
    x = block(x, nn, scaled(64, width), 2, plain=plain, name="stem")
    for number, (filters, blocks) in enumerate(STAGES, 1):
        filters, name = scaled(filters, width), f"stage{number}"
        x = block(x, nn, filters, 2, plain=plain, name=f"{name}_downsample")
        x = stage(x, nn, filters, repeats(blocks, depth), share, plain, name=name)
    if share is None:
        return spp_csp(x, nn, filters, filters // 2, around_first=True, name=f"{name}_pyramid")
    return sppf(x, nn, filters, activation="silu" if plain else None, name=f"{name}_pyramid")


def fused(coarse, middle, fine, nn: Blocks, filters: int, *, name: str):
    """Three maps of a pyramid at the size of the middle one: figure 2 (BiC)."""
    coarse = conv_transpose(coarse, nn, filters, 2, name=f"{name}_upsample")
    middle = nn.conv_norm_act(middle, filters, name=f"{name}_middle")
    fine = nn.conv_norm_act(fine, filters, name=f"{name}_fine")
    fine = nn.conv_norm_act(fine, filters, 3, strides=2, name=f"{name}_downsample")
    x = nn.concat([coarse, middle, fine], name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, name=f"{name}_merge")


def yolov6(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    depth: float,
    width: float,
    share: float | None,
    plain: bool,
    bins: int | None,
    overlap: str,
):
    """Down and up a pyramid of levels 5 to 3, with a glance at level 2, and a head for each."""

    def blocks(x, filters, times, *, name):
        return stage(x, nn, filters, repeats(times, depth), share, plain, name=name)

    maps, found, met = dict(enumerate(maps, 2)), {}, {}
    x = maps[5]
    for level, (filters, times) in NECK.items():
        filters = scaled(filters, width)
        x = met[level + 1] = nn.conv_norm_act(x, filters, name=f"neck_reduce{level + 1}")
        x = fused(x, maps[level], maps[level - 1], nn, filters, name=f"neck_fuse{level}")
        x = found[level] = blocks(x, filters, times, name=f"neck_top_down{level}")
    for level, (filters, times) in UP.items():
        x = nn.conv_norm_act(x, nn.channels(x), 3, strides=2, name=f"neck_down{level}")
        x = nn.concat([x, met[level]], name=f"neck_concat_up{level}")
        x = found[level] = blocks(x, scaled(filters, width), times, name=f"neck_bottom_up{level}")
    answers = [answer(found[level], level, nn, classes, bins) for level in (3, 4, 5)]
    class_maps, box_maps = zip(*answers, strict=True)
    objective = {"name": "yolov6", "overlap": overlap, "distance_gain": 0.5 if bins else 0.0}
    shared = {"classes": classes, "image_size": image_size, "bins": bins}
    return distances(nn, class_maps, box_maps, objective, SUPPRESSION, **shared)


def answer(x, level: int, nn: Blocks, classes: int, bins: int | None):
    """The maps (classes, boxes) of a level, whose branches have a convolution each: section 2.1."""
    conv, filters = partial(nn.conv_norm_act, activation="silu"), nn.channels(x)
    x, said = conv(x, filters, name=f"head_level{level}"), []
    for kind, outputs, last, bias in (
        ("class", classes, "predictions", prior_bias()),
        ("box", 4 * (bins or 1), "regression", 1.0),
    ):
        y = conv(x, filters, 3, name=f"head_{kind}{level}")
        said.append(nn.conv(y, outputs, bias=bias, name=f"head_{kind}{level}_{last}"))
    return said


def application(
    size: str,
    depth: float,
    width: float,
    share: float | None,
    plain: bool,
    bins: int | None,
    overlap: str,
) -> DenseApplication:
    """A row: the size and what VARIANTS says of it."""
    body = {"depth": depth, "width": width, "share": share, "plain": plain}
    shared = {"size": 640, "flavors": {"torch": TORCH}, "blocks": BLOCKS}
    return DenseApplication(
        f"YOLOv6{size}",
        "detection",
        yolov6,
        None,
        levels=(2, 3, 4, 5),
        plain=Application(
            f"YOLOv6{size}Backbone",
            backbone,
            config=body,
            stages={level: level - 1 for level in range(2, 6)},
            **shared,
        ),
        config={**body, "bins": bins, "overlap": overlap},
        classes=COCO,
        resize="border",
        fill=GREY,
        references=(reference(f"meituan/yolov6{size.lower()}", "torch"),),
        **shared,
    )


YOLOv6N, YOLOv6S, YOLOv6M, YOLOv6L = (application(size, *row) for size, row in VARIANTS.items())

__all__ = ["YOLOv6L", "YOLOv6M", "YOLOv6N", "YOLOv6S"]
