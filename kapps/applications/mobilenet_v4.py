"""MobileNetV4: Universal Models for the Mobile Ecosystem (Qin et al., 2024, arXiv:2404.10518)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, drop_path_rates, make_divisible, multi_query_attention

# expand_filters, filters of the fused bottlenecks before the stages; ConvSmall has two of them
FUSED = ((128, 48),)
FUSED_SMALL = ((32, 32), (96, 64))
FUSED_LARGE = ((96, 48),)
# Tables of appendix D. A stage: filters and blocks, of which the first one strides. A block of
# three numbers is a universal inverted bottleneck: the sizes of its depthwise convolutions before
# and after the expansion (0: none) and expand_ratio. One of two is attention: heads, key_filters.
# fmt: off
SMALL = (
    (96, (5, 5, 3), *[(0, 3, 2)] * 4, (3, 0, 4)),
    (128, (3, 3, 6), (5, 5, 4), (0, 5, 4), (0, 5, 3), *[(0, 3, 4)] * 2),
)
MEDIUM = (
    (80, (3, 5, 4), (3, 3, 2)),
    (160, (3, 5, 6), *[(3, 3, 4)] * 2, (3, 5, 4), (3, 3, 4), (3, 0, 4), (0, 0, 2), (3, 0, 4)),
    (256, (5, 5, 6), (5, 5, 4), *[(3, 5, 4)] * 2, (0, 0, 4), (3, 0, 4), (3, 5, 2), (5, 5, 4),
     *[(0, 0, 4)] * 2, (5, 0, 2)),
)
LARGE = (
    (96, (3, 5, 4), (3, 3, 4)),
    (192, (3, 5, 4), *[(3, 3, 4)] * 3, (3, 5, 4), *[(5, 3, 4)] * 5, (3, 0, 4)),
    (512, *[(5, 5, 4)] * 4, (5, 0, 4), (5, 3, 4), *[(5, 0, 4)] * 2, (5, 3, 4), (5, 5, 4),
     *[(5, 0, 4)] * 3),
)
HYBRID_MEDIUM = (
    (80, (3, 5, 4), (3, 3, 2)),
    (160, (3, 5, 6), (0, 0, 2), (3, 3, 4), (3, 5, 4), (4, 64), (3, 3, 4), (4, 64), (3, 0, 4),
     (4, 64), (3, 3, 4), (4, 64), (3, 0, 4)),
    (256, (5, 5, 6), (5, 5, 4), *[(3, 5, 4)] * 2, (0, 0, 2), (3, 5, 2), (0, 0, 2), (0, 0, 4),
     (4, 64), (3, 0, 4), (4, 64), (5, 5, 4), *[(4, 64), (5, 0, 4)] * 2),
)
HYBRID_LARGE = (
    (96, (3, 5, 4), (3, 3, 4)),
    (192, (3, 5, 4), *[(3, 3, 4)] * 3, (3, 5, 4), *[(5, 3, 4)] * 2, *[(8, 48), (5, 3, 4)] * 3,
     (8, 48), (3, 0, 4)),
    (512, *[(5, 5, 4)] * 4, (5, 0, 4), (5, 3, 4), *[(5, 0, 4)] * 2, (5, 3, 4), (5, 5, 4),
     *[(8, 64), (5, 0, 4)] * 4),
)
# fmt: on


def bottleneck(x, nn: Blocks, filters, strides, before, after, expand_ratio, *, name: str):
    """The universal inverted bottleneck without its shortcut: figure 4.

    With the convolution after the expansion alone it is MobileNetV2's, with the one before alone
    ConvNeXt's block, with none a feed-forward network, and with both the paper's "ExtraDW".
    """
    if before:
        before_strides = 1 if after else strides
        name_before = f"{name}_before"
        x = nn.depthwise_norm_act(x, before, before_strides, activation=False, name=name_before)
    x = nn.conv_norm_act(x, make_divisible(nn.channels(x) * expand_ratio), name=f"{name}_expand")
    if after:
        x = nn.depthwise_norm_act(x, after, strides, name=f"{name}_depthwise")
    return nn.conv_norm_act(x, filters, activation=False, name=f"{name}_project")


def attention(x, nn: Blocks, filters, kv_strides, heads, key_filters, *, name: str):
    """Mobile MQA without its shortcut: section 3.2."""
    x = nn.norm(x, name=f"{name}_norm")
    return multi_query_attention(x, nn, filters, heads, key_filters, kv_strides, name=name)


def backbone(
    x, nn: Blocks, *, stages, fused, stem_filters: int, layer_scale: float, alpha: float, drop_path
):
    def scaled(filters):
        return make_divisible(filters * alpha)

    # The stem of a narrower network is that of the full one.
    x = nn.conv_norm_act(x, stem_filters, 3, strides=2, name="stem")
    for stage, (expand_filters, filters) in enumerate(fused, 1):
        name = f"stage{stage}_block1"
        x = nn.conv_norm_act(x, scaled(expand_filters), 3, strides=2, name=f"{name}_expand")
        # ConvSmall, which has two of these, activates what they return.
        activation = None if len(fused) > 1 else False
        x = nn.conv_norm_act(x, scaled(filters), activation=activation, name=f"{name}_project")

    rates = iter(drop_path_rates(drop_path, sum(len(blocks) for _, *blocks in stages)))
    for stage, (filters, *blocks) in enumerate(stages, len(fused) + 1):
        for index, arguments in enumerate(blocks, 1):
            name, shortcut = f"stage{stage}_block{index}", x
            strides = 2 if index == 1 else 1
            if len(arguments) == 2:  # at stride 16, keys and values come from half the map
                kv_strides = 2 if stage == 3 else 1
                x = attention(x, nn, filters, kv_strides, *arguments, name=name)
            else:
                x = bottleneck(x, nn, scaled(filters), strides, *arguments, name=name)
            x = nn.layer_scale(x, layer_scale, name=f"{name}_scale") if layer_scale else x
            rate = next(rates)
            x = x if strides == 2 else nn.residual(shortcut, x, rate, name=name)
    return nn.conv_norm_act(x, scaled(960), name="head")


def top(x, nn: Blocks):
    """As in MobileNetV3, the widest layer comes after the pooling; here it is normalised."""
    x = nn.global_avg_pool(x, name="avg_pool")
    x = nn.dense(x, 1280, use_bias=False, name="head_dense")
    x = nn.norm(x, name="head_dense_norm")
    return nn.act(x, name="head_dense_act")


def _application(
    variant,
    timm,
    stages,
    size,
    *,
    fused=FUSED,
    stem_filters=32,
    alpha=1.0,
    layer_scale=0.0,
    activation="relu",
    crop_pct=0.95,
    preprocessing="torch",
):
    return Application(
        f"MobileNetV4{variant}",
        backbone,
        top=top,
        top_layers=("head_dense", "head_dense_norm"),
        size=size,
        flavors={
            "torch": Flavor(
                preprocessing,
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=crop_pct,
                interpolation="bicubic",
            )
        },
        activation=activation,
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={
            "stages": stages,
            "fused": fused,
            "stem_filters": stem_filters,
            "layer_scale": layer_scale,
            "alpha": alpha,
        },
        dropout=0.2,
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/mobilenetv4_{timm}", "torch"),),
    )


# The sizes are those of the reference's default weights.
MobileNetV4ConvSmall = _application(
    "ConvSmall", "conv_small", SMALL, 224, fused=FUSED_SMALL, crop_pct=0.875
)
MobileNetV4ConvSmall050 = _application(
    "ConvSmall050",
    "conv_small_050",
    SMALL,
    224,
    fused=FUSED_SMALL,
    alpha=0.5,
    crop_pct=0.875,
    preprocessing="tensorflow",
)
MobileNetV4ConvMedium = _application("ConvMedium", "conv_medium", MEDIUM, 256)
MobileNetV4ConvLarge = _application(
    "ConvLarge", "conv_large", LARGE, 384, fused=FUSED_LARGE, stem_filters=24
)
MobileNetV4HybridMedium = _application(
    "HybridMedium", "hybrid_medium", HYBRID_MEDIUM, 256, layer_scale=1e-5
)
MobileNetV4HybridLarge = _application(
    "HybridLarge",
    "hybrid_large",
    HYBRID_LARGE,
    384,
    fused=FUSED_LARGE,
    stem_filters=24,
    layer_scale=1e-5,
    activation="gelu",
)

__all__ = [
    "MobileNetV4ConvLarge",
    "MobileNetV4ConvMedium",
    "MobileNetV4ConvSmall",
    "MobileNetV4ConvSmall050",
    "MobileNetV4HybridLarge",
    "MobileNetV4HybridMedium",
    "decode_predictions",
    "preprocess_input",
]
