"""YOLOv7: Trainable bag-of-freebies sets new state-of-the-art for real-time object detectors (Wang
et al., 2022, arXiv:2207.02696), whose published weights are under GPL-3.0.

None of them is a default here. The numbers are those of the configurations of the authors' code
(cfg/deploy), whose files load. What they call implicit knowledge, two numbers that each channel of
a prediction is added and multiplied by, is in its weights and bias, as in their deployed files; the
second heads that help YOLOv7W6 while it trains are not here.
"""

import math
from typing import NamedTuple

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.yolox import focus
from kapps.detection import anchors as layouts
from kapps.detection.coders import CellCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, branched_conv, joint_outputs, spp_csp, upsample_to


class Variant(NamedTuple):
    """What a configuration says.

    Attributes:
        file: its name.
        stem: (filters, strides) of its convolutions.
        stages: (filters that it is halved to, of its convolutions, of its end).
        levels: of the neck, from level 3 on: filters, of the 1x1 and of the 3x3 convolutions.
        depth: 3x3 convolutions of a block.
        kept: every how many of them reach the end of a block, in stages and in the neck.
        halved: how, in stages and in the neck, see `halve`.
        focused: whether four neighbours become channels before the stem.
        branched: whether the last 3x3 convolutions train as sums of branches.
        deep: whether 3x3 convolutions stand around the poolings, see `spp_csp`.
        gains: of classes and of objectness (data/hyp.scratch).
    """

    file: str
    stem: tuple
    stages: tuple
    levels: tuple
    depth: int
    kept: tuple[int, int]
    halved: tuple[str, str]
    size: int = 640
    anchors: layouts.CellAnchors = layouts.YOLO_V7
    activation: str = "silu"
    focused: bool = False
    branched: bool = False
    deep: bool = True
    gains: tuple[float, float] = (0.3, 0.7)


VARIANTS = {
    "": Variant(
        "yolov7",
        stem=((32, 1), (64, 2), (64, 1)),
        stages=((128, 64, 256), (256, 128, 512), (512, 256, 1024), (1024, 256, 1024)),
        levels=((128, 128, 64), (256, 256, 128), (512, 512, 256)),
        depth=4,
        kept=(2, 1),
        halved=("both", "both"),
        branched=True,
    ),
    "X": Variant(
        "yolov7x",
        stem=((40, 1), (80, 2), (80, 1)),
        stages=((160, 64, 320), (320, 128, 640), (640, 256, 1280), (1280, 256, 1280)),
        levels=((160, 128, 128), (320, 256, 256), (640, 512, 512)),
        depth=6,
        kept=(2, 2),
        halved=("both", "both"),
    ),
    "Tiny": Variant(
        "yolov7-tiny",
        stem=((32, 2),),
        stages=((64, 32, 64), (64, 64, 128), (128, 128, 256), (256, 256, 512)),
        levels=((64, 32, 32), (128, 64, 64), (256, 128, 128)),
        depth=2,
        kept=(1, 1),
        halved=("pool", "conv"),
        anchors=layouts.YOLO_V7_TINY,
        activation="leaky_relu",
        deep=False,
        gains=(0.5, 1.0),
    ),
    "W6": Variant(
        "yolov7-w6",
        stem=((64, 1),),
        stages=(
            *((128, 64, 128), (256, 128, 256), (512, 256, 512)),
            *((768, 384, 768), (1024, 512, 1024)),
        ),
        levels=((128, 128, 64), (256, 256, 128), (384, 384, 192), (512, 512, 256)),
        depth=4,
        kept=(2, 1),
        halved=("conv", "conv"),
        size=1280,
        anchors=layouts.YOLO_V7_W6,
        focused=True,
    ),
}
FORMS = 3  # anchors of a cell
COCO = 80

TORCH = Flavor("unit", padding="symmetric", norm_epsilon=1e-3, norm_momentum=0.97)
BLOCKS = {"negative_slope": 0.1, "kernel_initializer": "torch_uniform"}
BOX_GAIN = 0.05
SUPPRESSION = Suppression(0.25, 0.45, 300, 30000, best_class=True)


def elan(x, nn: Blocks, filters: int, narrow: int, width: int, depth: int, kept: int, *, name: str):
    """Two 1x1 convolutions, 3x3 ones behind the second, and most of all side by side: figure 2c."""
    parts = [nn.conv_norm_act(x, narrow, name=f"{name}_{way}") for way in ("around", "through")]
    y = parts[-1]
    for index in range(1, depth + 1):
        y = nn.conv_norm_act(y, width, 3, name=f"{name}_{index}")
        if index % kept == 0:
            parts.append(y)
    x = nn.concat(parts[::-1], name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, name=f"{name}_merge")


def halve(x, nn: Blocks, filters: int, how: str, *, name: str):
    """Half as high and wide: by a "conv" of `filters`, a "pool", or half of the filters by each."""
    if how == "conv":
        return nn.conv_norm_act(x, filters, 3, strides=2, name=f"{name}_strided")
    pooled = nn.max_pool(x, 2, 2, "valid", name=f"{name}_pool")
    if how == "pool":
        return pooled
    pooled = nn.conv_norm_act(pooled, filters // 2, name=f"{name}_pooled")
    x = nn.conv_norm_act(x, filters // 2, name=f"{name}_reduce")
    x = nn.conv_norm_act(x, filters // 2, 3, strides=2, name=f"{name}_strided")
    return nn.concat([x, pooled], name=f"{name}_concat")


def backbone(x, nn: Blocks, *, variant: str):
    v = VARIANTS[variant]
    x = focus(x, nn, name="stem_focus") if v.focused else x
    for index, (filters, strides) in enumerate(v.stem, 1):
        x = nn.conv_norm_act(x, filters, 3, strides=strides, name=f"stem_{index}")
    for stage, (halved, width, filters) in enumerate(v.stages, 1):
        how = v.halved[0] if stage > 1 else "conv"
        x = halve(x, nn, halved, how, name=f"stage{stage}_down")
        x = elan(x, nn, filters, width, width, v.depth, v.kept[0], name=f"stage{stage}")
    return x


def yolov7(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], variant: str):
    """A pyramid down and up, blocks between its maps side by side, and a last convolution each."""
    v = VARIANTS[variant]
    rows = dict(enumerate(v.levels, 3))
    maps, last = dict(zip(rows, maps, strict=True)), max(rows)

    def block(x, level, *, name):
        return elan(x, nn, *rows[level], v.depth, v.kept[1], name=name)

    filters = rows[last][0]
    x = spp_csp(maps[last], nn, filters, filters, deep=v.deep, name="neck_pyramid")
    met = {last: x}
    for level in range(last - 1, 2, -1):
        filters = rows[level][0]
        x = nn.conv_norm_act(x, filters, name=f"neck_reduce{level + 1}")
        x = upsample_to(x, maps[level], nn, name=f"neck_upsample{level}")
        side = nn.conv_norm_act(maps[level], filters, name=f"neck_lateral{level}")
        x = nn.concat([side, x], name=f"neck_concat{level}")
        x = met[level] = block(x, level, name=f"neck_top_down{level}")
    found = {3: x}
    for level in range(4, last + 1):
        x = halve(x, nn, rows[level][0], v.halved[1], name=f"neck_down{level}")
        x = nn.concat([x, met[level]], name=f"neck_concat_up{level}")
        x = found[level] = block(x, level, name=f"neck_bottom_up{level}")
    return joint_outputs(
        nn,
        [answer(x, level, nn, classes, v) for level, x in found.items()],
        columns=classes,
        anchors=v.anchors,
        coder=CellCoder("square", reach=2.0),
        image_size=image_size,
        objective={"name": "yolov7"}
        | {"class_gain": v.gains[0], "box_gain": BOX_GAIN, "object_gain": v.gains[1]},
        suppression=SUPPRESSION,
    )


def answer(x, level: int, nn: Blocks, classes: int, v: Variant):
    """The last 3x3 convolution of a level, and a 1x1 one of all that is said of its anchors."""
    filters, name = 2 * nn.channels(x), f"head_level{level}"
    if v.branched:
        x = nn.act(branched_conv(x, nn, filters, 3, name=name), name=f"{name}_act")
    else:
        x = nn.conv_norm_act(x, filters, 3, name=name)
    # Eight things in an input of 640 pixels, of any class alike.
    thing = math.log(8 / (640 / 2**level) ** 2)
    bias = FORMS * [*4 * [0.0], thing, *classes * [math.log(0.6 / (classes - 0.99))]]
    return nn.conv(x, FORMS * (5 + classes), bias=bias, name=f"{name}_predictions")


def application(variant: str) -> DenseApplication:
    """A row: what VARIANTS says of it."""
    v, name = VARIANTS[variant], f"YOLOv7{variant}"
    last = 2 + len(v.levels)
    shared = {
        "size": v.size,
        "flavors": {"torch": TORCH},
        "activation": v.activation,
        "blocks": BLOCKS,
        "config": {"variant": variant},
    }
    return DenseApplication(
        name,
        "detection",
        yolov7,
        None,
        levels=tuple(range(3, last + 1)),
        plain=Application(
            f"{name}Backbone",
            backbone,
            stages={level: level - 1 for level in range(2, last + 1)},
            **shared,
        ),
        classes=COCO,
        resize="border",
        fill=(114,) * 3,
        min_size=2**last,
        references=(reference(f"wongkinyiu/{v.file}", "torch"),),
        **shared,
    )


YOLOv7, YOLOv7X, YOLOv7Tiny, YOLOv7W6 = map(application, VARIANTS)

__all__ = ["YOLOv7", "YOLOv7Tiny", "YOLOv7W6", "YOLOv7X"]
