"""YOLOv5u as Ultralytics numbers it."""

from kapps.weights.dialects._ultralytics import ultralytics

BLOCKS = (
    *((2 * stage, f"stage{stage}") for stage in range(1, 5)),
    *((13, "neck_top_down4"), (17, "neck_top_down3")),
    *((20, "neck_bottom_up4"), (23, "neck_bottom_up5")),
)

DIALECTS = (
    ultralytics(
        [(number, layer, ("through", "around", "merge")) for number, layer in BLOCKS],
        {
            0: "stem",
            **{2 * stage - 1: f"stage{stage}_downsample" for stage in range(1, 5)},
            **{10: "neck_reduce5", 14: "neck_reduce4", 18: "neck_down4", 21: "neck_down5"},
        },
        pyramid=9,
        head=24,
    ),
)
