"""YOLOv3 as files of Darknet have it; of the tiny one, those layers that it has."""

from kapps.weights.dialects._darknet import BACKBONE, Darknet

LEVEL = ("neck_reduce{0}", r"neck_level{0}_\d", "head_level{0}_block1", "head_level{0}_predictions")
ORDER = tuple(part.format(level) for level in (5, 4, 3) for part in LEVEL)

DIALECTS = (Darknet(order=(BACKBONE, *ORDER)),)
