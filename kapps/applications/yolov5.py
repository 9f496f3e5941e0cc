"""YOLOv5u: YOLOv5 (Jocher et al., Ultralytics, 2020; no paper) with the head of YOLOv8; weights are
under AGPL-3.0.

As with YOLOv8, none of them is a default here. The numbers are those of the models, version 6.0.
"""

from kapps.applications.yolov8 import application, detect, repeats
from kapps.layers import Blocks, c3, path_concatenation, scaled, sppf

VARIANTS = {  # depth, width, most filters
    "N": (0.33, 0.25, 1024),
    "S": (0.33, 0.50, 1024),
    "M": (0.67, 0.75, 1024),
    "L": (1.00, 1.00, 1024),
    "X": (1.33, 1.25, 1024),
}
STAGES = ((128, 3), (256, 6), (512, 9), (1024, 3))  # filters, blocks
NECK_BLOCKS = 3


def backbone(x, nn: Blocks, *, depth: float, width: float, most: int):
    x = nn.conv_norm_act(x, scaled(64, width, most), 6, strides=2, name="stem")
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        filters = scaled(filters, width, most)
        x = nn.conv_norm_act(x, filters, 3, strides=2, name=f"stage{stage}_downsample")
        x = c3(x, nn, filters, repeats(blocks, depth), name=f"stage{stage}")
    return sppf(x, nn, filters, name=f"stage{stage}_pyramid")


def yolov5u(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], depth: float):
    """As YOLOv8's, of other blocks, and narrowed before they go down."""

    def block(x, filters, *, name):
        return c3(x, nn, filters, repeats(NECK_BLOCKS, depth), shortcut=False, name=name)

    pyramid = path_concatenation(dict(enumerate(maps, 3)), nn, block, reduced=True, name="neck")
    return detect(pyramid, nn, classes=classes, image_size=image_size)


YOLOv5NU, YOLOv5SU, YOLOv5MU, YOLOv5LU, YOLOv5XU = (
    application(f"YOLOv5{size}U", yolov5u, backbone, variant) for size, variant in VARIANTS.items()
)

__all__ = ["YOLOv5LU", "YOLOv5MU", "YOLOv5NU", "YOLOv5SU", "YOLOv5XU"]
