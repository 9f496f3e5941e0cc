"""YOLOv2: YOLO9000: Better, Faster, Stronger (Redmon and Farhadi, 2016, arXiv:1612.08242).

The layers are those of Darknet's yolov2.cfg and yolov2-tiny.cfg, whose .weights load. The table of
the paper ends in the classifier; section 3, "Training for detection", says what takes its place.
"""

from keras import layers

from kapps.applications._dense import DenseApplication
from kapps.applications.yolov3 import FIELDS, answers, tiny
from kapps.detection import anchors as layouts
from kapps.layers import Blocks

FORMS = len(layouts.YOLO_V2_COCO.shapes[0])
MORE = {
    "anchors": layouts.YOLO_V2_COCO,
    "activation": "softmax",
    "objective": {"name": "yolov2", "ignore": 0.6, "object_gain": 5.0},
}


def yolov2(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Three convolutions of 1024 filters, the last of which sees the finer map as well."""
    fine, x = maps
    for step in (1, 2):
        x = nn.conv_norm_act(x, 1024, 3, name=f"neck_block{step}")
    fine = nn.conv_norm_act(fine, 64, name="neck_reduce")
    fine = passthrough(fine, nn, name="neck_passthrough")
    x = nn.concat([fine, x], name="neck_concat")
    x = nn.conv_norm_act(x, 1024, 3, name="head_block1")
    x = nn.conv(x, FORMS * (5 + classes), name="head_predictions")
    return answers(nn, [x], classes, image_size, **MORE)


def passthrough(x, nn: Blocks, *, name: str):
    """Four times as many channels of half the height and width.

    Section 2, "Fine-grained features", stacks neighbours. Darknet's code does that to an image of a
    quarter of the channels and twice the sides, as which it reads the same numbers, and its weights
    were trained so: channels come first here whatever the data format.
    """
    last = nn.data_format == "channels_last"
    x = layers.Permute((3, 1, 2), name=f"{name}_to_first")(x) if last else x
    channels, height, width = x.shape[1:]
    x = layers.Reshape((channels // 4, height, 2, width, 2), name=f"{name}_read")(x)
    x = layers.Permute((3, 5, 1, 2, 4), name=f"{name}_stack")(x)
    x = layers.Reshape((4 * channels, height // 2, width // 2), name=f"{name}_written")(x)
    return layers.Permute((2, 3, 1), name=f"{name}_to_last")(x) if last else x


def yolov2_tiny(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """One convolution and the answer."""
    x = nn.conv_norm_act(maps[0], 512, 3, name="head_block1")
    x = nn.conv(x, FORMS * (5 + classes), name="head_predictions")
    return answers(nn, [x], classes, image_size, **MORE)


YOLOv2 = DenseApplication(
    "YOLOv2",
    "detection",
    yolov2,
    "DarkNet19",
    levels=(4, 5),
    size=416,
    backbone_arguments={"negative_slope": 0.1},
    **FIELDS,
)
YOLOv2Tiny = DenseApplication(
    "YOLOv2Tiny",
    "detection",
    yolov2_tiny,
    None,
    plain=tiny("YOLOv2TinyBackbone"),
    levels=(5,),
    size=416,
    **FIELDS,
)

__all__ = ["YOLOv2", "YOLOv2Tiny"]
