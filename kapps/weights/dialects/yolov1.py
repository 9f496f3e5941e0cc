"""YOLOv1 as files of Darknet have it."""

from kapps.weights.dialects._darknet import BACKBONE, Darknet

DIALECTS = (
    Darknet(
        order=(BACKBONE, "head_hidden", "head_predictions"),
        flattened={"head_hidden": (7, 7, 1024)},
    ),
)
