"""YOLOv4: Optimal Speed and Accuracy of Object Detection (Bochkovskiy et al., 2020,
arXiv:2004.10934).

The layers are those of Darknet's yolov4.cfg, whose .weights load.
"""

from dataclasses import replace

from kapps.applications._dense import DenseApplication
from kapps.applications.darknet import DARKNET, CSPDarkNet53
from kapps.applications.yolov3 import FIELDS, answers, predictions
from kapps.detection import anchors as layouts
from kapps.detection.coders import CellCoder
from kapps.layers import Blocks, upsample_to

OBJECTIVE = {"name": "yolov4", "ignore": 0.7, "also": 0.213, "box_gain": 0.07}
# Section 3.4, "Eliminate grid sensitivity": how far a middle may lie, by the strides of the levels.
CODER = CellCoder(reaches=((8, 1.2), (16, 1.1), (32, 1.05)))
SIZES = (13, 9, 5)  # of the poolings, in the order of their maps


def five(x, nn: Blocks, filters: int, *, count: int = 5, start: int = 1, name: str):
    """Convolutions that narrow and see the neighbours in turn."""
    for step in range(start, start + count):
        width, kernel = ((filters, 1), (2 * filters, 3))[(step - start) % 2]
        x = nn.conv_norm_act(x, width, kernel, name=f"{name}_{step}")
    return x


def yolov4(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Maxima over several sizes, and maps put side by side on the way down and up: section 3.4."""
    outputs = 3 * (5 + classes)
    x = five(maps[2], nn, 512, count=3, name="neck_level5")
    pooled = [nn.max_pool(x, size, 1, "same", name=f"neck_pool{size}") for size in SIZES]
    x = nn.concat([*pooled, x], name="neck_pools")
    x = five(x, nn, 512, count=3, start=4, name="neck_level5")
    down = {5: x}
    for level in (4, 3):
        width, below = 2 ** (level + 4), maps[level - 3]
        x = nn.conv_norm_act(x, width, name=f"neck_reduce{level}")
        x = upsample_to(x, below, nn, name=f"neck_upsample{level}")
        side = nn.conv_norm_act(below, width, name=f"neck_lateral{level}")
        x = nn.concat([side, x], name=f"neck_concat{level}")
        x = down[level] = five(x, nn, width, name=f"neck_level{level}")
    found = [predictions(x, nn, 256, outputs, name="head_level3")]
    for level in (4, 5):
        width = 2 ** (level + 4)
        x = nn.conv_norm_act(x, width, 3, strides=2, name=f"neck_down{level}")
        x = nn.concat([x, down[level]], name=f"neck_concat_up{level}")
        x = five(x, nn, width, name=f"neck_up{level}")
        found.append(predictions(x, nn, 2 * width, outputs, name=f"head_level{level}"))
    return answers(
        nn, found, classes, image_size, layouts.YOLO_V4, coder=CODER, objective=OBJECTIVE
    )


YOLOv4 = DenseApplication(
    "YOLOv4",
    "detection",
    yolov4,
    None,
    levels=(3, 4, 5),
    plain=replace(
        CSPDarkNet53,
        name="YOLOv4Backbone",
        size=608,
        activation="mish",
        flavors={"darknet": DARKNET},
        references=(),
    ),
    size=608,
    **FIELDS,
)

__all__ = ["YOLOv4"]
