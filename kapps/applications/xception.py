"""Xception: Deep Learning with Depthwise Separable Convolutions (Chollet, 2017,
arXiv:1610.02357).
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.pooling import symmetric_max_pool
from kapps.layers.separable import separable_norm

BLOCKS = (  # figure 5: stage, block, filters of its separable convolutions, strides
    (2, 1, (128, 128), 2),
    (3, 1, (256, 256), 2),
    (4, 1, (728, 728), 2),
    *((4, block, (728, 728, 728), 1) for block in range(2, 10)),
    (5, 1, (728, 1024), 2),
)


def residual_block(x, nn: Blocks, filters, strides, relu_first, name):
    """ReLU before each separable convolution; a strided block pools and projects its shortcut."""
    shortcut = x
    for index, width in enumerate(filters, 1):
        if index > 1 or relu_first:
            x = nn.act(x, name=f"{name}_{index}_act")
        x = separable_norm(x, nn, width, 3, name=f"{name}_{index}")
    if strides == 2:
        shortcut = nn.conv_norm_act(
            shortcut, filters[-1], strides=2, activation=False, name=f"{name}_shortcut"
        )
        if nn.padding == "same":
            x = nn.max_pool(x, 3, 2, name=f"{name}_pool")
        else:
            x = symmetric_max_pool(x, nn, 3, 2, name=f"{name}_pool")
    return nn.residual(shortcut, x, name=name)


def backbone(x, nn: Blocks):
    x = nn.conv_norm_act(x, 32, 3, strides=2, padding="valid", name="stem")
    x = nn.conv_norm_act(x, 64, 3, padding="valid", name="stage1_block1")
    for stage, block, filters, strides in BLOCKS:
        name = f"stage{stage}_block{block}"
        x = residual_block(x, nn, filters, strides, stage > 2, name)
    for block, filters in ((2, 1536), (3, 2048)):
        x = separable_norm(x, nn, filters, 3, name=f"stage5_block{block}_1")
        x = nn.act(x, name=f"stage5_block{block}_act")
    return x


Xception = Application(
    "Xception",
    backbone,
    size=299,
    min_size=71,
    flavors={
        "keras": Flavor("tensorflow"),
        "torch": Flavor(
            "tensorflow",
            padding="symmetric",
            norm_epsilon=1e-5,
            norm_momentum=0.9,
            crop_pct=0.8975,
            interpolation="bicubic",
        ),
    },
    stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    references=(
        reference("keras/Xception", "keras"),
        reference("timm/xception", "torch"),
        reference("timm/legacy_xception", "torch"),
    ),
)

__all__ = ["Xception", "decode_predictions", "preprocess_input"]
