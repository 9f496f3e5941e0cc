"""MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer.

Mehta and Rastegari, 2021, arXiv:2110.02178.
"""

from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import (
    BilinearResize,
    Blocks,
    MapToPatches,
    PatchesToMap,
    ResizeToMultiple,
)
from kapps.layers.mobile import inverted_residual

PATCH = 2  # pixels: section 4.1
BLOCKS = (1, 3, 1, 1, 1)  # inverted residuals of each stage: table 4
DEPTHS = (0, 0, 2, 4, 3)  # transformer layers after them
VARIANTS = {  # filters of the stages and the head, expand_ratio, channels of transformers: table 4
    "XXS": ((16, 24, 48, 64, 80, 320), 2, (0, 0, 64, 80, 96)),
    "XS": ((32, 48, 64, 80, 96, 384), 4, (0, 0, 96, 120, 144)),
    "S": ((32, 64, 96, 128, 160, 640), 4, (0, 0, 144, 192, 240)),
}


def mobilevit_block(x, nn: Blocks, channels: int, depth: int, *, name: str):
    """Filter, let each pixel attend to those at its place in every patch, fuse: figure 1 (b)."""
    shortcut, filters = x, nn.channels(x)
    x = nn.conv_norm_act(x, filters, 3, name=f"{name}_local")
    x = before = nn.conv(x, channels, use_bias=False, name=f"{name}_embed_conv")
    x = whole = ResizeToMultiple(PATCH, data_format=nn.data_format, name=f"{name}_resize")(x)
    x = MapToPatches(PATCH, True, nn.data_format, name=f"{name}_unfold")(x)
    attention, mlp = partial(nn.attention, num_heads=4), partial(nn.mlp, units=2 * channels)
    for layer in range(1, depth + 1):
        x = nn.transformer_block(x, attention, mlp, epsilon=1e-5, name=f"{name}_layer{layer}")
    x = nn.layer_norm(x, 1e-5, name=f"{name}_tokens_norm")
    x = PatchesToMap(PATCH, True, nn.data_format, name=f"{name}_fold")([x, whole])
    x = BilinearResize(data_format=nn.data_format, name=f"{name}_resize_back")([x, before])
    x = nn.conv_norm_act(x, filters, name=f"{name}_project")
    x = nn.concat([shortcut, x], name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, 3, name=f"{name}_fuse")


def backbone(x, nn: Blocks, *, filters, expand_ratio: int, channels):
    x = nn.conv_norm_act(x, 16, 3, strides=2, name="stem")
    for stage, (width, blocks, depth, tokens) in enumerate(
        zip(filters, BLOCKS, DEPTHS, channels, strict=False), 1
    ):
        for block in range(1, blocks + 1):
            x = inverted_residual(
                x,
                nn,
                filters=width,
                kernel_size=3,
                strides=2 if block == 1 and stage > 1 else 1,
                expand_filters=expand_ratio * nn.channels(x),
                name=f"stage{stage}_block{block}",
            )
        if depth:
            x = mobilevit_block(x, nn, tokens, depth, name=f"stage{stage}_block{blocks + 1}")
    return nn.conv_norm_act(x, filters[-1], name="head")


def _application(variant: str):
    filters, expand_ratio, channels = VARIANTS[variant]
    return Application(
        f"MobileViT{variant}",
        backbone,
        size=256,
        flavors={
            "torch": Flavor(
                "unit",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=0.9,
                interpolation="bicubic",
            )
        },
        activation="silu",
        config={"filters": filters, "expand_ratio": expand_ratio, "channels": channels},
        stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"timm/mobilevit_{variant.lower()}", "torch"),),
    )


MobileViTXXS = _application("XXS")
MobileViTXS = _application("XS")
MobileViTS = _application("S")

__all__ = [
    "MobileViTS",
    "MobileViTXS",
    "MobileViTXXS",
    "decode_predictions",
    "preprocess_input",
]
