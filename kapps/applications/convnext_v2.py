"""ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders (Woo et al., 2023,
arXiv:2301.00808).
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.convnext import VARIANTS, final, four_stages
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, GlobalResponseNormalization


def block(x, nn: Blocks, drop_path: float, *, name: str):
    """ConvNeXt's, where the wide channels compete in place of a layer scale: figure 5."""
    shortcut, filters = x, nn.channels(x)
    x = nn.depthwise_conv(x, 7, use_bias=True, name=f"{name}_depthwise_conv")
    x = nn.layer_norm(x, name=f"{name}_norm")
    x = nn.conv(x, 4 * filters, name=f"{name}_expand_conv")
    x = nn.act(x, name=f"{name}_expand_act")
    x = GlobalResponseNormalization(nn.axis, name=f"{name}_response_norm")(x)
    x = nn.conv(x, filters, name=f"{name}_project_conv")
    return nn.residual(shortcut, x, drop_path, name=name)


def backbone(x, nn: Blocks, *, depths, filters, drop_path: float):
    return four_stages(x, nn, block, depths=depths, filters=filters, drop_path=drop_path)


def _application(variant):
    # Huge is the paper's own; the others are ConvNeXt's (appendix A.1).
    depths, filters = (VARIANTS | {"Huge": ((3, 3, 27, 3), (352, 704, 1408, 2816))})[variant]
    return Application(
        f"ConvNeXtV2{variant}",
        backbone,
        final=final,
        size=224,
        flavors={"torch": Flavor("torch", interpolation="bicubic")},
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={"depths": depths, "filters": filters},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/convnextv2_{variant.lower()}", "torch"),),
    )


ConvNeXtV2Atto = _application("Atto")
ConvNeXtV2Femto = _application("Femto")
ConvNeXtV2Pico = _application("Pico")
ConvNeXtV2Nano = _application("Nano")
ConvNeXtV2Tiny = _application("Tiny")
ConvNeXtV2Base = _application("Base")
ConvNeXtV2Large = _application("Large")
ConvNeXtV2Huge = _application("Huge")

__all__ = [
    "ConvNeXtV2Atto",
    "ConvNeXtV2Base",
    "ConvNeXtV2Femto",
    "ConvNeXtV2Huge",
    "ConvNeXtV2Large",
    "ConvNeXtV2Nano",
    "ConvNeXtV2Pico",
    "ConvNeXtV2Tiny",
    "decode_predictions",
    "preprocess_input",
]
