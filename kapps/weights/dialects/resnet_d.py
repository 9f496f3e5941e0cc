"""ResNet-D as timm names it."""

from kapps.weights.dialects._timm import residual

DIALECTS = (residual("timm"),)
