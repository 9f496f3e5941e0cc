"""YOLO-World as Ultralytics numbers it: version 1 has one module more, which pools the picture."""

from dataclasses import replace

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._ultralytics import ultralytics

POOLING = r"model\.16\."


def version(name: str, up: int, more: tuple) -> Dialect:
    """The dialect of a version.

    Args:
        up: number of the first module of the way up. more: its own rows.
    """
    guided = {12: "top_down4", 15: "top_down3", up + 2: "bottom_up4", up + 5: "bottom_up5"}
    blocks = [(2 * stage, f"stage{stage}") for stage in range(1, 5)]
    blocks += [(number, f"neck_{layer}") for number, layer in guided.items()]
    own = ultralytics(
        [(number, layer, ("split", "merge")) for number, layer in blocks],
        {
            0: "stem",
            **{2 * stage - 1: f"stage{stage}_downsample" for stage in range(1, 5)},
            up: "neck_down4",
            up + 3: "neck_down5",
        },
        pyramid=9,
        head=up + 6,
        last="embedding",
    )
    rows = [
        # Not in a state dict by itself: what it was last told to look for.
        ("txt_feats", "vocabulary/embeddings", lambda array, _: array[0]),
        (rf"model\.{up + 6}\.cv4\.(\d)", "head_class{0:+3}_logits"),
        (rf"model\.{up + 6}\.cv4\.(\d)\.norm", "head_class{0:+3}_norm"),
    ]
    for number, layer in guided.items():
        rows += [
            (rf"model\.{number}\.attn", f"neck_{layer}_gate"),
            (rf"model\.{number}\.attn\.gl", f"neck_{layer}_guide"),
            (rf"model\.{number}\.attn\.proj_conv\.conv", f"neck_{layer}_value_conv"),
            (rf"model\.{number}\.attn\.proj_conv\.bn", f"neck_{layer}_value_norm"),
        ]
    return replace(own, name=name, rows=(*own.rows, *rows, *more))


POOLED = (
    (POOLING + r"(query|key|value)\.0", "neck_pooling_{0}_norm"),
    (POOLING + r"(query|key|value)\.1", "neck_pooling_{0}"),
    (POOLING + "proj", "neck_pooling_project"),
    (POOLING + r"projections\.(\d)", "neck_pooling_level{0:+3}"),
)
DIALECTS = (version("ultralytics", 17, POOLED), version("ultralytics, version 2", 16, ()))
