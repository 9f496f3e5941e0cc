"""MobileViTV2 as timm names it: as its first version."""

from kapps.weights.dialects.mobilevit import DIALECTS

__all__ = ["DIALECTS"]
