"""BiT as timm names it: as its ResNetV2, of which it is one."""

from kapps.weights.dialects.resnet_v2 import TIMM

DIALECTS = (TIMM,)
