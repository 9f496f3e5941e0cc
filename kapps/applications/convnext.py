"""ConvNeXt: A ConvNet for the 2020s (Liu et al., 2022, arXiv:2201.03545)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, drop_path_rates

VARIANTS = {  # blocks and filters of the four stages: section 3
    "Tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "Small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "Base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "Large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "XLarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}


def block(x, nn: Blocks, drop_path: float, *, name: str):
    """A wide filter for each channel, then two products that mix them: figure 4."""
    shortcut, filters = x, nn.channels(x)
    x = nn.depthwise_conv(x, 7, use_bias=True, name=f"{name}_depthwise_conv")
    x = nn.layer_norm(x, name=f"{name}_norm")
    x = nn.conv(x, 4 * filters, name=f"{name}_expand_conv")
    x = nn.act(x, name=f"{name}_expand_act")
    x = nn.conv(x, filters, name=f"{name}_project_conv")
    x = nn.layer_scale(x, 1e-6, name=f"{name}_scale")
    return nn.residual(shortcut, x, drop_path, name=name)


def backbone(x, nn: Blocks, *, depths, filters, drop_path: float):
    rates = iter(drop_path_rates(drop_path, sum(depths), last=True))
    for stage, (blocks, width) in enumerate(zip(depths, filters, strict=True), 1):
        if stage == 1:
            x = nn.conv(x, width, 4, strides=4, padding="valid", name="stem_conv")
            x = nn.layer_norm(x, name="stem_norm")
        else:
            x = nn.layer_norm(x, name=f"stage{stage}_downsample_norm")
            name = f"stage{stage}_downsample_conv"
            x = nn.conv(x, width, 2, strides=2, padding="valid", name=name)
        for index in range(1, blocks + 1):
            x = block(x, nn, next(rates), name=f"stage{stage}_block{index}")
    return x


def final(x, nn: Blocks):
    return nn.layer_norm(x, name="head_norm")


def _application(variant):
    depths, filters = VARIANTS[variant]
    return Application(
        f"ConvNeXt{variant}",
        backbone,
        final=final,
        size=224,
        # Keras and timm agree in everything: no stride needs padding, no batch is normalised.
        flavors={"keras": Flavor("torch", interpolation="bicubic")},
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={"depths": depths, "filters": filters},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(
            reference(f"keras/ConvNeXt{variant}", "keras"),
            reference(f"timm/convnext_{variant.lower()}", "keras"),
        ),
    )


ConvNeXtTiny = _application("Tiny")
ConvNeXtSmall = _application("Small")
ConvNeXtBase = _application("Base")
ConvNeXtLarge = _application("Large")
ConvNeXtXLarge = _application("XLarge")

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]
