"""CLIP's ResNet: Learning Transferable Visual Models From Natural Language Supervision.

Section 2.4. A ResNet-D whose strides are means over squares, and which pools by attention. Of the
published networks the classifier is the projection to the space that images and texts share.
"""

from dataclasses import replace

from keras import layers

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import TORCH
from kapps.layers import Blocks, attention_pool
from kapps.layers.residual import bottleneck, pooled_projection, residual_stages, residual_stem

HEAD_CHANNELS = 64  # of a head of the pooling


def pooled_convolution(x, nn: Blocks, filters: int, strides: int, groups: int = 1, *, name: str):
    """A 3x3 convolution that strides by a mean over each square behind it."""
    x = nn.conv_norm_act(x, filters, 3, groups=groups, name=name)
    return nn.avg_pool(x, strides, strides, "same", name=f"{name}_pool") if strides > 1 else x


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], width: int):
    """`width` counts the filters for ResNet's 64."""

    def branch(x, nn, filters, strides, *, name):
        filters = filters * width // 64
        return bottleneck(x, nn, filters, strides, spatial=pooled_convolution, name=name)

    x = residual_stem(x, nn, (width // 2, width // 2, width))
    x = nn.avg_pool(x, 2, 2, "same", name="stem_pool")
    return residual_stages(x, nn, depths, branch, pooled_projection)


def top(x, nn: Blocks):
    """The mean of all positions is one more of them, and asks the others."""
    grid, channels = nn.grid(x, 1), nn.channels(x)
    x = nn.to_tokens(x, name="head_tokens")
    mean = layers.GlobalAveragePooling1D("channels_last", keepdims=True, name="head_mean")(x)
    x = layers.Concatenate(axis=1, name="head_concat")([mean, x])
    x = nn.position_embedding(x, grid, prefix=1, name="head_position_embedding")
    query = nn.token_pool(x, "token", 1, name="head_token")
    return attention_pool(query, x, nn, channels // HEAD_CHANNELS, name="head_pool")


TOP_LAYERS = (
    "head_position_embedding",
    *(f"head_pool_{part}" for part in ("query", "key", "value")),
)


def _application(variant: str, depths: tuple[int, ...], width: int = 64, size: int = 224):
    return Application(
        f"CLIPResNet{variant}",
        backbone,
        top=top,
        top_layers=TOP_LAYERS,
        size=size,
        flavors={
            "torch": replace(TORCH, preprocessing="clip", crop_pct=0.9, interpolation="bicubic")
        },
        config={"depths": depths, "width": width},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/resnet{variant}_clip", "torch"),),
    )


CLIPResNet50 = _application("50", (3, 4, 6, 3))
CLIPResNet101 = _application("101", (3, 4, 23, 3))
CLIPResNet50x4 = _application("50x4", (4, 6, 10, 6), width=80, size=288)

__all__ = [
    "CLIPResNet50",
    "CLIPResNet50x4",
    "CLIPResNet101",
    "decode_predictions",
    "preprocess_input",
]
