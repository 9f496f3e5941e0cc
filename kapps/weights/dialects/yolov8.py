"""YOLOv8 as Ultralytics numbers it."""

from kapps.weights.dialects._ultralytics import ultralytics

BLOCKS = (
    *((2 * stage, f"stage{stage}") for stage in range(1, 5)),
    *((12, "neck_top_down4"), (15, "neck_top_down3")),
    *((18, "neck_bottom_up4"), (21, "neck_bottom_up5")),
)

DIALECTS = (
    ultralytics(
        [(number, layer, ("split", "merge")) for number, layer in BLOCKS],
        {
            0: "stem",
            **{2 * stage - 1: f"stage{stage}_downsample" for stage in range(1, 5)},
            16: "neck_down4",
            19: "neck_down5",
        },
        pyramid=9,
        head=22,
    ),
)
