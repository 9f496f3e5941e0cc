"""Names that several of timm's families share."""

import re

from kapps.weights.dialects._dialect import Dialect

MOBILE_BLOCKS = (  # depthwise separable blocks in the first stage, inverted residuals after it
    (r"conv_stem", "stem_conv"),
    (r"bn1", "stem_norm"),
    (r"blocks\.0\.(\d+)\.conv_dw", "stage1_block{0:+1}_depthwise_conv"),
    (r"blocks\.0\.(\d+)\.bn1", "stage1_block{0:+1}_depthwise_norm"),
    (r"blocks\.0\.(\d+)\.conv_pw", "stage1_block{0:+1}_project_conv"),
    (r"blocks\.0\.(\d+)\.bn2", "stage1_block{0:+1}_project_norm"),
    (r"blocks\.(\d+)\.(\d+)\.conv_pw", "stage{0:+1}_block{1:+1}_expand_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn1", "stage{0:+1}_block{1:+1}_expand_norm"),
    (r"blocks\.(\d+)\.(\d+)\.conv_dw", "stage{0:+1}_block{1:+1}_depthwise_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn2", "stage{0:+1}_block{1:+1}_depthwise_norm"),
    (r"blocks\.(\d+)\.(\d+)\.se\.conv_(reduce|expand)", "stage{0:+1}_block{1:+1}_se_{2}_conv"),
    (r"blocks\.(\d+)\.(\d+)\.conv_pwl", "stage{0:+1}_block{1:+1}_project_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn3", "stage{0:+1}_block{1:+1}_project_norm"),
    (r"conv_head", "head_conv"),
    (r"bn2", "head_norm"),
    (r"classifier", "predictions"),
)

RESIDUAL_BLOCKS = (  # ResNet and the networks that change a part of it
    (r"conv1(?:\.0)?", "stem_conv"),
    (r"bn1|conv1\.1", "stem_norm"),
    (r"conv1\.3", "stem_2_conv"),
    (r"conv1\.4", "stem_2_norm"),
    (r"conv1\.6", "stem_3_conv"),
    (r"conv1\.7", "stem_3_norm"),
    (r"layer(\d)\.(\d+)\.conv(\d)", "stage{0}_block{1:+1}_{2}_conv"),
    (r"layer(\d)\.(\d+)\.bn(\d)", "stage{0}_block{1:+1}_{2}_norm"),
    (r"layer(\d)\.(\d+)\.downsample\.0", "stage{0}_block{1:+1}_shortcut_conv"),
    (r"layer(\d)\.(\d+)\.downsample\.[12]", "stage{0}_block{1:+1}_shortcut_norm"),
    (r"fc", "predictions"),
)
SQUEEZE_EXCITE = (
    (r"layer(\d)\.(\d+)\.se\.fc1", "stage{0}_block{1:+1}_se_reduce_conv"),
    (r"layer(\d)\.(\d+)\.se\.fc2", "stage{0}_block{1:+1}_se_expand_conv"),
)


def residual(name: str, *rows) -> Dialect:
    """The dialect of a residual network, with rows for what it adds to ResNet."""
    return Dialect(name, "torch", (*rows, *RESIDUAL_BLOCKS), prepare=_placed)


def _placed(arrays):
    """Where a name means two layers, that of the rows above.

    The last normalisation of a stem of three convolutions stands outside it, as `bn1`. A shortcut
    that begins with a pooling has its convolution at 1, where others have their normalisation.
    """
    renames = []
    if "conv1.6.weight" in arrays:
        renames.append((r"bn1\.", "conv1.7."))
    if any(".downsample.2." in name for name in arrays):
        renames.append((r"(.*\.downsample)\.1\.", r"\1.0."))
    for pattern, new in renames:
        arrays = {re.sub(f"^{pattern}", new, name): array for name, array in arrays.items()}
    return arrays
