"""YOLOv3: An Incremental Improvement (Redmon and Farhadi, 2018, arXiv:1804.02767).

The layers are those of Darknet's yolov3.cfg and yolov3-tiny.cfg, whose .weights load.
"""

from kapps.applications._application import Application
from kapps.applications._dense import DenseApplication
from kapps.applications.darknet import DARKNET
from kapps.detection import anchors as layouts
from kapps.detection.coders import CellCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, joint_outputs, upsample_to

COCO = 80
OBJECTIVE = {"name": "yolov3", "ignore": 0.7}  # of the configuration; 0.5 in section 2.1
SUPPRESSION = Suppression(0.25, 0.45, 200)
BLOCKS = {"negative_slope": 0.1, "kernel_initializer": "he_normal"}
FIELDS = {
    "flavors": {"darknet": DARKNET},
    "activation": "leaky_relu",
    "blocks": BLOCKS,
    "classes": COCO,
    "resize": "border",
    "fill": (128,) * 3,  # a half, as Darknet's letterbox_image has it
}


def answers(nn: Blocks, maps, classes: int, image_size: tuple[int, int], anchors, **more):
    """The end of YOLOv3, tiny or not, on its predictions, the finest first."""
    return joint_outputs(
        nn,
        maps,
        columns=classes,
        anchors=anchors,
        image_size=image_size,
        suppression=SUPPRESSION,
        **{"coder": CellCoder(), "objective": OBJECTIVE, **more},
    )


def predictions(x, nn: Blocks, filters: int, outputs: int, *, name: str):
    """A 3x3 convolution and a 1x1 one that answers."""
    x = nn.conv_norm_act(x, filters, 3, name=f"{name}_block1")
    return nn.conv(x, outputs, name=f"{name}_predictions")


def yolov3(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Section 2.3: the coarsest map answers first, and each is put beside the next finer one."""
    outputs, found, x = 3 * (5 + classes), [], None
    for level in (5, 4, 3):
        below, width = maps[level - 3], 2 ** (level + 4)
        if x is None:
            x = below
        else:
            x = nn.conv_norm_act(x, width, name=f"neck_reduce{level}")
            x = upsample_to(x, below, nn, name=f"neck_upsample{level}")
            x = nn.concat([x, below], name=f"neck_concat{level}")
        for step in range(1, 6):
            filters, kernel = ((width, 1), (2 * width, 3))[step % 2 == 0]
            x = nn.conv_norm_act(x, filters, kernel, name=f"neck_level{level}_{step}")
        found.insert(0, predictions(x, nn, 2 * width, outputs, name=f"head_level{level}"))
    return answers(nn, found, classes, image_size, layouts.YOLO_V3)


def tiny_backbone(x, nn: Blocks):
    """Seven 3x3 convolutions; the last pooling does not stride."""
    for stage, filters in enumerate((16, 32, 64, 128, 256, 512, 1024)):
        if stage:
            x = nn.max_pool(x, 2, 2 if stage < 6 else 1, "same", name=f"stage{stage}_pool")
        x = nn.conv_norm_act(x, filters, 3, name=f"stage{stage}" if stage else "stem")
    return x


def yolov3_tiny(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Two of the levels, with fewer convolutions."""
    outputs = 3 * (5 + classes)
    x = nn.conv_norm_act(maps[1], 256, name="neck_level5_1")
    coarse = predictions(x, nn, 512, outputs, name="head_level5")
    x = nn.conv_norm_act(x, 128, name="neck_reduce4")
    x = upsample_to(x, maps[0], nn, name="neck_upsample4")
    x = nn.concat([x, maps[0]], name="neck_concat4")
    fine = predictions(x, nn, 256, outputs, name="head_level4")
    return answers(nn, [fine, coarse], classes, image_size, layouts.YOLO_V3_TINY)


def tiny(name: str) -> Application:
    """The backbone that the tiny ones have, with the levels of its strides."""
    return Application(
        name,
        tiny_backbone,
        size=416,
        flavors={"darknet": DARKNET},
        activation="leaky_relu",
        blocks=BLOCKS,
        stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 6},
    )


YOLOv3 = DenseApplication(
    "YOLOv3",
    "detection",
    yolov3,
    "DarkNet53",
    levels=(3, 4, 5),
    size=608,
    backbone_arguments={"negative_slope": 0.1},
    **FIELDS,
)
YOLOv3Tiny = DenseApplication(
    "YOLOv3Tiny",
    "detection",
    yolov3_tiny,
    None,
    plain=tiny("YOLOv3TinyBackbone"),
    levels=(4, 5),
    size=416,
    **FIELDS,
)

__all__ = ["YOLOv3", "YOLOv3Tiny"]
