"""YOLOv8: models without a paper (Jocher et al., Ultralytics, 2023), whose weights are under
AGPL-3.0.

So is what is trained from them; none of them is a default here. The numbers are those of the
models. `YOLOv8(backbone="EfficientNetLite0")` has their neck and head on any backbone of this
package.
"""

import math

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.detection.anchors import Points
from kapps.detection.coders import DistanceCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, c2f, detector_outputs, path_concatenation, scaled, sppf

VARIANTS = {  # depth, width, most filters before they are scaled
    "N": (0.33, 0.25, 1024),
    "S": (0.33, 0.50, 1024),
    "M": (0.67, 0.75, 768),
    "L": (1.00, 1.00, 512),
    "X": (1.00, 1.25, 512),
}
STAGES = ((128, 3), (256, 6), (512, 6), (1024, 3))  # filters, blocks
NECK_BLOCKS = 3
STRIDES = (8, 16, 32)
BINS = 16  # of the distribution over each of the four distances, in strides
COCO = 80

TORCH = Flavor("unit", padding="symmetric", norm_epsilon=1e-3, norm_momentum=0.97)
BLOCKS = {"kernel_initializer": "torch_uniform"}
OBJECTIVE = {"name": "yolov8", "class_gain": 0.5, "box_gain": 7.5, "distance_gain": 1.5}
SUPPRESSION = Suppression(0.25, 0.7, 300, 30000, best_class=True)
GREY = (114,) * 3  # around a photo of other proportions


def repeats(blocks: int, depth: float) -> int:
    """Blocks of a smaller or larger model, one at least."""
    return max(round(blocks * depth), 1)


def backbone(x, nn: Blocks, *, depth: float, width: float, most: int):
    x = nn.conv_norm_act(x, scaled(64, width, most), 3, strides=2, name="stem")
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        filters = scaled(filters, width, most)
        x = nn.conv_norm_act(x, filters, 3, strides=2, name=f"stage{stage}_downsample")
        x = c2f(x, nn, filters, repeats(blocks, depth), shortcut=True, name=f"stage{stage}")
    return sppf(x, nn, filters, name=f"stage{stage}_pyramid")


def yolov8(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], depth: float):
    """Maps put side by side on the way down and up, and a head for each of the three."""

    def block(x, filters, *, name):
        return c2f(x, nn, filters, repeats(NECK_BLOCKS, depth), name=name)

    return detect(
        path_concatenation(dict(enumerate(maps, 3)), nn, block, name="neck"),
        nn,
        classes=classes,
        image_size=image_size,
    )


def detect(pyramid: dict, nn: Blocks, *, classes: int, image_size: tuple[int, int], compare=None):
    """The head of YOLOv8, YOLOv5u and YOLO-World: two branches that share nothing, on each map.

    Args:
        pyramid: level -> map, finest first.
        compare: `function(x, name) -> map of logits` in place of the last convolution for classes.
    """
    finest = nn.channels(next(iter(pyramid.values())))
    filters = min(classes, 100) if compare is None else COCO  # names may be any number
    widths = {"class": max(finest, filters), "box": max(16, finest // 4, 4 * BINS)}

    def branch(level, stride, *, kind, last):
        x, name = pyramid[level], f"head_{kind}{level}"
        for step in (1, 2):
            x = nn.conv_norm_act(x, widths[kind], 3, name=f"{name}_block{step}")
        return last(x, stride, name)

    def predictions(x, stride, name):
        if compare is not None:
            return compare(x, name)
        return nn.conv(x, classes, bias=class_bias(classes, stride), name=f"{name}_predictions")

    def regression(x, _, name):
        return nn.conv(x, 4 * BINS, bias=2.0, name=f"{name}_regression")

    levels = list(zip(pyramid, STRIDES, strict=True))
    class_maps, box_maps = (
        [branch(*level, kind=kind, last=last) for level in levels]
        for kind, last in (("class", predictions), ("box", regression))
    )
    return distances(
        nn, class_maps, box_maps, OBJECTIVE, SUPPRESSION, classes=classes, image_size=image_size
    )


def distances(
    nn: Blocks,
    class_maps,
    box_maps,
    objective: dict,
    suppression: Suppression,
    *,
    classes: int,
    image_size: tuple[int, int],
    bins: int | None = BINS,
):
    """What heads end in that say, of each point, how far away the edges are."""
    return detector_outputs(
        nn,
        class_maps,
        box_maps,
        columns=classes,
        bins=bins,
        anchors=Points(STRIDES),
        coder=DistanceCoder(),
        image_size=image_size,
        objective=objective,
        suppression=suppression,
        clip=False,  # what sticks out of the input is cut off behind the suppression
    )


def class_bias(classes: int, stride: int) -> float:
    """The logit of five things in an input of 640 pixels, of any class alike."""
    return math.log(5 / classes / (640 / stride) ** 2)


def application(
    name: str, head, body, variant: tuple, known_as: str = "", **fields
) -> DenseApplication:
    """A row: `head` on `body` (depth, width, most filters), a backbone of its own.

    Args:
        variant: depth, width and most filters.
        known_as: what Ultralytics calls it, where that is not its name in small letters.
    """
    depth, width, most = variant
    return DenseApplication(
        name,
        "detection",
        head,
        None,
        levels=(3, 4, 5),
        plain=Application(
            f"{name}Backbone",
            body,
            size=640,
            flavors={"torch": TORCH},
            activation="silu",
            blocks=BLOCKS,
            config={"depth": depth, "width": width, "most": most},
            stages={level: level - 1 for level in range(2, 6)},
        ),
        size=640,
        flavors={"torch": TORCH},
        activation="silu",
        blocks=BLOCKS,
        config={"depth": depth},
        classes=COCO,
        resize="border",
        fill=GREY,
        references=(reference(f"ultralytics/{known_as or name.lower()}", "torch"),),
        **fields,
    )


YOLOv8N, YOLOv8S, YOLOv8M, YOLOv8L, YOLOv8X = (
    application(f"YOLOv8{size}", yolov8, backbone, variant) for size, variant in VARIANTS.items()
)
YOLOv8 = DenseApplication(
    "YOLOv8",
    "detection",
    yolov8,
    "EfficientNetLite0",
    levels=(3, 4, 5),
    size=320,
    any_backbone=True,
    activation="silu",
    blocks=BLOCKS,
    config={"depth": 0.33},
    classes=COCO,
    resize="border",
)

__all__ = ["YOLOv8", "YOLOv8L", "YOLOv8M", "YOLOv8N", "YOLOv8S", "YOLOv8X"]
