"""YOLOv4 as files of Darknet have it."""

from kapps.weights.dialects._darknet import CSP, SWAPPED, Darknet

DOWN = ("neck_reduce{0}", "neck_lateral{0}", r"neck_level{0}_\d")
UP = ("neck_down{0}", r"neck_up{0}_\d", "head_level{0}_block1", "head_level{0}_predictions")
ORDER = (
    r"neck_level5_\d",
    *(part.format(level) for level in (4, 3) for part in DOWN),
    *(part.format(level) for level in (3, 4, 5) for part in UP),
)

DIALECTS = (Darknet(order=(*CSP, *ORDER), swapped=SWAPPED),)
