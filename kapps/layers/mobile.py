"""The inverted residual block of the mobile families."""

from kapps.layers.blocks import Blocks


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
