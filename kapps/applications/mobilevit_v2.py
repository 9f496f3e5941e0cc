"""MobileViTV2: Separable Self-attention for Mobile Vision Transformers.

Mehta and Rastegari, 2022, arXiv:2206.02680.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import (
    Blocks,
    GroupNormalization,
    LinearAttention,
    MapToPatches,
    PatchesToMap,
    ResizeToMultiple,
    initializer,
    make_divisible,
)
from kapps.layers.mobile import inverted_residual

PATCH = 2  # pixels: section 4.1
STAGES = (  # filters, inverted residuals, transformer layers after them: table 6
    (64, 1, 0),
    (128, 2, 0),
    (256, 1, 2),
    (384, 1, 4),
    (512, 1, 3),
)


def norm(x, *, name: str):
    """Over the channels, pixels and patches of an image at once."""
    return GroupNormalization(
        1,
        epsilon=1e-5,
        beta_initializer=initializer("zeros"),
        gamma_initializer=initializer("ones"),
        name=name,
    )(x)


def transformer_layer(x, nn: Blocks, *, name: str):
    """Attention of linear cost, then two products: figure 4 (b)."""
    channels = x.shape[-1]
    y = norm(x, name=f"{name}_attention_norm")
    y = nn.dense(y, 1 + 2 * channels, name=f"{name}_attention_qkv")
    y = LinearAttention(name=f"{name}_attention")(y)
    y = nn.dense(y, channels, name=f"{name}_attention_project")
    x = nn.residual(x, y, name=f"{name}_attention")
    y = nn.mlp(norm(x, name=f"{name}_mlp_norm"), 2 * channels, name=f"{name}_mlp")
    return nn.residual(x, y, name=f"{name}_mlp")


def mobilevit_block(x, nn: Blocks, depth: int, *, name: str):
    """As in MobileViT, without its shortcut and its fusion: section 3.3."""
    filters = nn.channels(x)
    # Unlike in the first version, the map keeps the size that the patches asked for.
    x = ResizeToMultiple(PATCH, True, nn.data_format, name=f"{name}_resize")(x)
    x = nn.depthwise_norm_act(x, 3, name=f"{name}_local")
    x = whole = nn.conv(x, make_divisible(filters / 2), use_bias=False, name=f"{name}_embed_conv")
    x = MapToPatches(PATCH, data_format=nn.data_format, name=f"{name}_unfold")(x)
    for layer in range(1, depth + 1):
        x = transformer_layer(x, nn, name=f"{name}_layer{layer}")
    x = norm(x, name=f"{name}_tokens_norm")
    x = PatchesToMap(PATCH, data_format=nn.data_format, name=f"{name}_fold")([x, whole])
    return nn.conv_norm_act(x, filters, activation=False, name=f"{name}_project")


def backbone(x, nn: Blocks, *, width: float):
    x = nn.conv_norm_act(x, int(32 * width), 3, strides=2, name="stem")
    for stage, (filters, blocks, depth) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            x = inverted_residual(
                x,
                nn,
                filters=int(filters * width),
                kernel_size=3,
                strides=2 if block == 1 and stage > 1 else 1,
                expand_filters=2 * nn.channels(x),
                name=f"stage{stage}_block{block}",
            )
        if depth:
            x = mobilevit_block(x, nn, depth, name=f"stage{stage}_block{blocks + 1}")
    return x


def _application(width: str):
    return Application(
        f"MobileViTV2_{width}",
        backbone,
        size=256,
        flavors={
            "torch": Flavor(
                "unit",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=0.888,
                interpolation="bicubic",
            )
        },
        activation="silu",
        config={"width": int(width) / 100},
        stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"timm/mobilevitv2_{width}", "torch"),),
    )


MobileViTV2_050 = _application("050")
MobileViTV2_100 = _application("100")
MobileViTV2_200 = _application("200")

__all__ = [
    "MobileViTV2_050",
    "MobileViTV2_100",
    "MobileViTV2_200",
    "decode_predictions",
    "preprocess_input",
]
