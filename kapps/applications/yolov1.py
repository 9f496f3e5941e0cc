"""YOLOv1: You Only Look Once (Redmon et al., 2015, arXiv:1506.02640).

The network of figure 3, without normalisations, as the paper has it; Darknet's later yolov1.cfg is
another one.
"""

from keras import layers

from kapps.applications._application import Application
from kapps.applications._dense import DenseApplication
from kapps.applications.darknet import DARKNET
from kapps.detection.anchors import CellAnchors
from kapps.detection.coders import RootCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, ChannelSlice, ClassScores, DecodeBoxes

STAGES = (  # kernel, filters of each convolution after a pooling: figure 3
    ((3, 192),),
    ((1, 128), (3, 256), (1, 256), (3, 512)),
    (*((1, 256), (3, 512)) * 4, (1, 512), (3, 1024)),
    (*((1, 512), (3, 1024)) * 2, (3, 1024)),
)
FORMS, STRIDE = 2, 64  # boxes of a cell, pixels of a cell
OBJECTIVE = {"name": "yolov1", "box_gain": 5.0, "nothing_gain": 0.5}  # section 2.2
BLOCKS = {"negative_slope": 0.1, "kernel_initializer": "he_normal"}


def convolution(x, nn: Blocks, filters: int, kernel_size: int, strides: int = 1, *, name: str):
    """With the leaky ReLU of equation 2."""
    x = nn.conv(x, filters, kernel_size, strides, name=f"{name}_conv")
    return nn.act(x, name=f"{name}_act")


def backbone(x, nn: Blocks):
    x = convolution(x, nn, 64, 7, strides=2, name="stem")
    for stage, rows in enumerate(STAGES, 1):
        x = nn.max_pool(x, 2, 2, "same", name=f"stage{stage}_pool")
        for step, (kernel_size, filters) in enumerate(rows, 1):
            x = convolution(x, nn, filters, kernel_size, name=f"stage{stage}_{step}")
    for step, strides in enumerate((2, 1, 1), 1):
        x = convolution(x, nn, 1024, 3, strides, name=f"stage5_{step}")
    return x


def yolov1(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Two layers that see all cells: shares of classes, then confidences, then boxes of all."""
    (x,) = maps
    rows, columns = x.shape[1:3] if nn.data_format == "channels_last" else x.shape[2:4]
    cells = rows * columns
    x = nn.flatten(x, name="head_flatten")
    x = nn.act(nn.dense(x, 4096, name="head_hidden"), name="head_act")
    x = nn.dropout(x, 0.5, name="head_dropout")  # section 2.2
    x = nn.dense(x, cells * (classes + 5 * FORMS), dtype="float32", name="head_predictions")
    found, start = {}, 0
    for name, shape in (
        ("class_logits", (cells, classes)),
        ("objectness", (cells * FORMS, 1)),
        ("box_regression", (cells * FORMS, 4)),
    ):
        stop = start + shape[0] * shape[1]
        part = ChannelSlice(start, stop, "channels_last", dtype="float32", name=f"{name}_row")(x)
        own = name if name != "class_logits" else f"{name}_of_cells"
        found[name], start = layers.Reshape(shape, dtype="float32", name=own)(part), stop
    # Both boxes of a cell are of its one class.
    logits = layers.UpSampling1D(FORMS, dtype="float32", name="class_logits")(found["class_logits"])
    height, width = image_size
    decode = DecodeBoxes(
        CellAnchors((((width, height),) * FORMS,), (STRIDE,)),
        *(RootCoder(), [(rows, columns)], image_size, OBJECTIVE),
        suppression=Suppression(0.2, 0.5, 100),
        name="boxes",
    )
    score = ClassScores("linear", product=True, name="scores")
    return {
        "boxes": decode(found["box_regression"]),
        "scores": score([logits, found["objectness"]]),
    }


YOLOv1 = DenseApplication(
    "YOLOv1",
    "detection",
    yolov1,
    None,
    plain=Application(
        "YOLOv1Backbone",
        backbone,
        size=448,
        flavors={"darknet": DARKNET},
        activation="leaky_relu",
        blocks=BLOCKS,
        stages={level: level - 1 for level in range(2, 7)},
        min_size=STRIDE,
    ),
    levels=(6,),
    size=448,
    min_size=STRIDE,
    flavors={"darknet": DARKNET},
    activation="leaky_relu",
    blocks=BLOCKS,
    classes=20,
)

__all__ = ["YOLOv1"]
