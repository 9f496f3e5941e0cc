"""GhostNet: More Features from Cheap Operations (Han et al., 2019, arXiv:1911.11907).

Also GhostNetV2: Enhance Cheap Operation with Long-Range Attention (Tang et al., 2022,
arXiv:2211.12905), whose expansions attend to whole rows and columns.
"""

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, NearestResize, make_divisible

STAGES = (  # table 1, a stage for each stride: kernel_size, expand_filters, filters, squeeze
    ((3, 16, 16, False),),
    ((3, 48, 24, False), (3, 72, 24, False)),
    ((5, 72, 40, True), (5, 120, 40, True)),
    (
        (3, 240, 80, False),
        (3, 200, 80, False),
        (3, 184, 80, False),
        (3, 184, 80, False),
        (3, 480, 112, True),
        (3, 672, 112, True),
    ),
    (
        (5, 672, 160, True),
        (5, 960, 160, False),
        (5, 960, 160, True),
        (5, 960, 160, False),
        (5, 960, 160, True),
    ),
)


def ghost_module(x, nn: Blocks, filters: int, activation: str | bool, *, name: str):
    """A convolution makes half of the maps, a cheap filter of each makes the other: figure 2 (b).

    `filters` are even in every GhostNet, so that nothing is cut off.
    """
    primary = nn.conv_norm_act(x, filters // 2, activation=activation, name=f"{name}_primary")
    cheap = nn.depthwise_norm_act(primary, 3, activation=activation, name=f"{name}_cheap")
    return nn.concat([primary, cheap], name=f"{name}_concat")


def decoupled_attention(x, nn: Blocks, filters: int, *, name: str):
    """A gate for each pixel, from its row and its column at half the size: V2, figure 4.

    "Decoupled fully connected": one filter runs along the rows, one along the columns.
    """
    a = nn.avg_pool(x, 2, 2, name=f"{name}_pool")
    a = nn.conv_norm_act(a, filters, activation=False, name=name)
    a = nn.depthwise_norm_act(a, (1, 5), activation=False, name=f"{name}_row")
    a = nn.depthwise_norm_act(a, (5, 1), activation=False, name=f"{name}_column")
    return nn.act(a, "sigmoid", name=f"{name}_gate")


def bottleneck(
    x, nn, kernel_size, expand_filters, filters, squeeze, strides, attention, *, name: str
):
    """A ghost module expands, another projects, and between them is what strides: figure 3."""
    shortcut, channels = x, nn.channels(x)
    y = ghost_module(x, nn, expand_filters, "relu", name=f"{name}_expand")
    if attention:
        gate = decoupled_attention(x, nn, expand_filters, name=f"{name}_attention")
        gate = NearestResize(nn.data_format, name=f"{name}_attention_resize")([gate, y])
        y = layers.Multiply(name=f"{name}_attention_scale")([y, gate])
    if strides > 1:
        y = nn.depthwise_norm_act(
            y, kernel_size, strides, activation=False, name=f"{name}_depthwise"
        )
    if squeeze:
        se_filters = make_divisible(expand_filters / 4, 4)
        y = nn.squeeze_excite(y, se_filters, "relu", "hard_sigmoid", name=f"{name}_se")
    y = ghost_module(y, nn, filters, False, name=f"{name}_project")
    if strides > 1 or channels != filters:
        shortcut = nn.depthwise_norm_act(
            shortcut, kernel_size, strides, activation=False, name=f"{name}_shortcut_depthwise"
        )
        shortcut = nn.conv_norm_act(
            shortcut, filters, activation=False, name=f"{name}_shortcut_project"
        )
    return nn.residual(shortcut, y, name=name)


def backbone(x, nn: Blocks, *, width: float, attention: bool):
    def scaled(filters):
        return make_divisible(filters * width, 4)

    x = nn.conv_norm_act(x, scaled(16), 3, strides=2, name="stem")
    for stage, blocks in enumerate(STAGES, 1):
        for block, (kernel_size, expand_filters, filters, squeeze) in enumerate(blocks, 1):
            x = bottleneck(
                x,
                nn,
                kernel_size,
                scaled(expand_filters),
                scaled(filters),
                squeeze,
                strides=2 if block == 1 and stage > 1 else 1,
                # V2, section 4.3: the first two blocks see too many pixels.
                attention=attention and (stage, block) > (2, 1),
                name=f"stage{stage}_block{block}",
            )
    return nn.conv_norm_act(x, scaled(960), name="head")


def top(x, nn: Blocks):
    x = nn.global_avg_pool(x, name="avg_pool")
    x = nn.dense(x, 1280, name="head_dense")
    return nn.act(x, name="head_dense_act")


def _application(name: str, timm_name: str, width: float, attention: bool):
    return Application(
        name,
        backbone,
        top=top,
        top_layers=("head_dense",),
        size=224,
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                interpolation="bicubic",
            )
        },
        config={"width": width, "attention": attention},
        dropout=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"timm/{timm_name}", "torch"),),
    )


GhostNet050 = _application("GhostNet050", "ghostnet_050", 0.5, attention=False)
GhostNet = _application("GhostNet", "ghostnet_100", 1.0, attention=False)
GhostNet130 = _application("GhostNet130", "ghostnet_130", 1.3, attention=False)
GhostNetV2_100 = _application("GhostNetV2_100", "ghostnetv2_100", 1.0, attention=True)
GhostNetV2_130 = _application("GhostNetV2_130", "ghostnetv2_130", 1.3, attention=True)
GhostNetV2_160 = _application("GhostNetV2_160", "ghostnetv2_160", 1.6, attention=True)

__all__ = [
    "GhostNet",
    "GhostNet050",
    "GhostNet130",
    "GhostNetV2_100",
    "GhostNetV2_130",
    "GhostNetV2_160",
    "decode_predictions",
    "preprocess_input",
]
