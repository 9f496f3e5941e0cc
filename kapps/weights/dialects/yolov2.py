"""YOLOv2 as files of Darknet have it."""

from kapps.weights.dialects._darknet import BACKBONE, Darknet

ORDER = (r"neck_block\d", "neck_reduce", "head_block1", "head_predictions")

DIALECTS = (Darknet(order=(BACKBONE, *ORDER)),)
