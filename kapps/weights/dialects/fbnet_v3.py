"""FBNetV3 as timm names it, which is as MobileNetV3."""

from kapps.weights.dialects.mobilenet_v3 import TIMM

DIALECTS = (TIMM,)
