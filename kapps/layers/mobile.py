"""The inverted residual block of the mobile families, and the networks that scale it."""

import math

from kapps.layers.blocks import Blocks
from kapps.layers.scaling import drop_path_rates, make_divisible


def inverted_residual(
    x,
    nn: Blocks,
    filters: int,
    kernel_size: int,
    strides: int,
    expand_filters: int,
    *,
    se_filters: int = 0,
    se_activation: str | None = None,
    se_gate: str = "sigmoid",
    drop_path: float = 0.0,
    name: str,
):
    """Expand, filter each channel, squeeze and excite, project without activation; add the input.

    Source: MobileNetV2 (Sandler et al., 2018), figure 4; the squeeze between the depthwise and the
    projecting convolution is MobileNetV3's and EfficientNet's. There is no expansion where it would
    not widen, no squeeze where `se_filters` is 0, and a shortcut only where shapes allow.
    """
    shortcut, channels = x, nn.channels(x)
    if expand_filters != channels:
        x = nn.conv_norm_act(x, expand_filters, name=f"{name}_expand")
    x = nn.depthwise_norm_act(x, kernel_size, strides, name=f"{name}_depthwise")
    if se_filters:
        x = nn.squeeze_excite(
            x, se_filters, se_activation or nn.activation, se_gate, name=f"{name}_se"
        )
    x = nn.conv_norm_act(x, filters, activation=False, name=f"{name}_project")
    if strides == 1 and channels == filters:
        x = nn.residual(shortcut, x, drop_path, name=name)
    return x


def squeezed_inverted_residual(
    x,
    nn: Blocks,
    filters: int,
    kernel_size: int,
    strides: int,
    expand_filters: int,
    *,
    drop_path: float = 0.0,
    name: str,
):
    """EfficientNet's MBConv: an inverted residual that squeezes to a quarter of its input.

    Source: EfficientNet (Tan and Le, 2019), section 4.
    """
    return inverted_residual(
        x,
        nn,
        filters,
        kernel_size,
        strides,
        expand_filters,
        se_filters=max(1, nn.channels(x) // 4),
        drop_path=drop_path,
        name=name,
    )


def fused_inverted_residual(
    x,
    nn: Blocks,
    filters: int,
    kernel_size: int,
    strides: int,
    expand_filters: int,
    *,
    drop_path: float = 0.0,
    name: str,
):
    """Expand and filter in one full convolution, project without activation; add the input.

    Source: EfficientNetV2 (Tan and Le, 2021), figure 2. Where it would not widen, one convolution
    with its activation is all.
    """
    shortcut, channels = x, nn.channels(x)
    if expand_filters == channels:
        x = nn.conv_norm_act(x, filters, kernel_size, strides, name=f"{name}_project")
    else:
        x = nn.conv_norm_act(x, expand_filters, kernel_size, strides, name=f"{name}_expand")
        x = nn.conv_norm_act(x, filters, activation=False, name=f"{name}_project")
    if strides == 1 and channels == filters:
        x = nn.residual(shortcut, x, drop_path, name=name)
    return x


def scaled_network(
    x,
    nn: Blocks,
    stages,
    *,
    stem_filters: int,
    alpha: float,
    depth: float,
    drop_path: float,
    round_limit: float = 0.9,
    fixed_ends: bool = False,
):
    """A stem, stages of blocks and a head of 1280 filters, scaled in width and in depth.

    Source: EfficientNet (Tan and Le, 2019), section 3.3. A stage is a row of block function,
    expand_ratio, filters, blocks, strides and kernel_size; `round_limit` as of `make_divisible`.
    With `fixed_ends`, the stem, the head and the depths of the first and last stage do not scale.
    """

    def scaled(filters):
        return make_divisible(filters * alpha, round_limit=round_limit)

    depths = [math.ceil(depth * blocks) for _, _, _, blocks, _, _ in stages]
    stem, head = scaled(stem_filters), scaled(1280)
    if fixed_ends:
        depths[0], depths[-1] = stages[0][3], stages[-1][3]
        stem, head = stem_filters, 1280
    rates = iter(drop_path_rates(drop_path, sum(depths)))

    x = nn.conv_norm_act(x, stem, 3, strides=2, name="stem")
    for stage, (block_function, expand_ratio, filters, _, strides, kernel_size) in enumerate(
        stages, 1
    ):
        for block in range(1, depths[stage - 1] + 1):
            x = block_function(
                x,
                nn,
                filters=scaled(filters),
                kernel_size=kernel_size,
                strides=strides if block == 1 else 1,
                expand_filters=nn.channels(x) * expand_ratio,
                drop_path=next(rates),
                name=f"stage{stage}_block{block}",
            )
    return nn.conv_norm_act(x, head, name="head")
