"""YOLOX: Exceeding YOLO Series in 2021 (Ge et al., 2021, arXiv:2107.08430).

The layers are those of Megvii's code, whose files load; its images are not normalised.
"""

import dataclasses

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.retinanet import prior_bias
from kapps.applications.yolov8 import repeats
from kapps.detection.anchors import Points
from kapps.detection.coders import DeltaCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, c3, detector_outputs, path_concatenation, scaled, spp

VARIANTS = {  # depth, width, separable, size: tables 3 and 4, and the experiments of the code
    "Nano": (0.33, 0.25, True, 416),
    "Tiny": (0.33, 0.375, False, 416),
    "S": (0.33, 0.50, False, 640),
    "M": (0.67, 0.75, False, 640),
    "L": (1.00, 1.00, False, 640),
    "X": (1.33, 1.25, False, 640),
}
STAGES = ((128, 1), (256, 3), (512, 3), (1024, 1))  # filters, times the depth's blocks
BLOCKS = 3  # of a stage at depth 1
STRIDES = (8, 16, 32)
HEAD = 256  # filters of the head at width 1
COCO = 80

TORCH = Flavor("identity", padding="symmetric", norm_epsilon=1e-3, norm_momentum=0.97)
OBJECTIVE = {"name": "yolox", "box_gain": 5.0, "radius": 1.5, "most": 10}


class Separable(Blocks):
    """Conventions of the smallest: convolutions of neighbours are depthwise, then 1x1."""

    def conv_norm_act(self, x, filters, kernel_size=1, strides=1, *more, name, **others):
        if kernel_size > 1:
            x = self.depthwise_norm_act(x, kernel_size, strides, name=f"{name}_depthwise")
            kernel_size = strides = 1
        return super().conv_norm_act(x, filters, kernel_size, strides, *more, name=name, **others)


def conventions(nn: Blocks, separable: bool) -> Blocks:
    """Those of the network, or as `Separable`."""
    fields = {field.name: getattr(nn, field.name) for field in dataclasses.fields(nn)}
    return Separable(**fields) if separable else nn


def focus(x, nn: Blocks, *, name: str):
    """Four neighbours as channels of one pixel: left ones first, of each pair the upper one."""
    if nn.data_format == "channels_last":
        height, width, channels = x.shape[1:]
        apart, order = (height // 2, 2, width // 2, 2, channels), (1, 3, 4, 2, 5)
        shape = (height // 2, width // 2, 4 * channels)
    else:
        channels, height, width = x.shape[1:]
        apart, order = (channels, height // 2, 2, width // 2, 2), (5, 3, 1, 2, 4)
        shape = (4 * channels, height // 2, width // 2)
    x = layers.Reshape(apart, name=f"{name}_apart")(x)
    x = layers.Permute(order, name=f"{name}_order")(x)
    return layers.Reshape(shape, name=f"{name}_channels")(x)


def backbone(x, nn: Blocks, *, depth: float, width: float, separable: bool):
    x = focus(x, nn, name="stem_focus")
    x = nn.conv_norm_act(x, scaled(64, width, divisor=1), 3, name="stem")
    nn, blocks = conventions(nn, separable), repeats(BLOCKS, depth)
    for stage, (filters, times) in enumerate(STAGES, 1):
        filters, name = scaled(filters, width, divisor=1), f"stage{stage}"
        x = nn.conv_norm_act(x, filters, 3, strides=2, name=f"{name}_downsample")
        if stage == len(STAGES):
            x = spp(x, nn, filters, name=f"{name}_pyramid")
        x = c3(x, nn, filters, times * blocks, shortcut=stage < len(STAGES), name=name)
    return x


def yolox(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    depth: float,
    width: float,
    separable: bool,
):
    """YOLOv5's neck, and on each map a head whose two branches part early (figure 2)."""
    nn = conventions(nn, separable)

    def block(x, filters, *, name):
        return c3(x, nn, filters, repeats(BLOCKS, depth), shortcut=False, name=name)

    pyramid = path_concatenation(dict(enumerate(maps, 3)), nn, block, reduced=True, name="neck")
    filters, found = scaled(HEAD, width, divisor=1), {"class": [], "box": [], "object": []}
    for level, x in pyramid.items():
        x = nn.conv_norm_act(x, filters, name=f"head_level{level}_reduce")
        branches = {}
        for kind in ("class", "box"):
            y = x
            for step in (1, 2):
                y = nn.conv_norm_act(y, filters, 3, name=f"head_{kind}{level}_block{step}")
            branches[kind] = y
        for kind, of, outputs, last, bias in (
            ("class", "class", classes, "predictions", prior_bias()),
            ("box", "box", 4, "regression", 0.0),
            ("object", "box", 1, "objectness", prior_bias()),
        ):
            y = nn.conv(branches[of], outputs, bias=bias, name=f"head_{of}{level}_{last}")
            found[kind].append(y)
    return detector_outputs(
        nn,
        found["class"],
        found["box"],
        objectness_maps=found["object"],
        columns=classes,
        anchors=Points(STRIDES, offset=0.0),
        coder=DeltaCoder(clip=None),
        image_size=image_size,
        objective=OBJECTIVE,
        suppression=Suppression(0.25, 0.45, 300, None, best_class=True),
        clip=False,
    )


def _application(size: str, depth: float, width: float, separable: bool, pixels: int):
    config = {"depth": depth, "width": width, "separable": separable}
    shared = {
        "size": pixels,
        "flavors": {"torch": TORCH},
        "activation": "silu",
        "blocks": {"kernel_initializer": "torch_uniform"},
        "config": config,
    }
    return DenseApplication(
        f"YOLOX{size}",
        "detection",
        yolox,
        None,
        levels=(3, 4, 5),
        plain=Application(
            f"YOLOX{size}Backbone",
            backbone,
            stages={level: level - 1 for level in range(2, 6)},
            **shared,
        ),
        classes=COCO,
        resize="border",
        fill=(114,) * 3,
        references=(reference(f"megvii/yolox_{size.lower()}", "torch"),),
        **shared,
    )


YOLOXNano, YOLOXTiny, YOLOXS, YOLOXM, YOLOXL, YOLOXX = (
    _application(size, *variant) for size, variant in VARIANTS.items()
)

__all__ = ["YOLOXL", "YOLOXM", "YOLOXNano", "YOLOXS", "YOLOXTiny", "YOLOXX"]
