"""ConvNeXt: A ConvNet for the 2020s (Liu et al., 2022, arXiv:2201.03545).

Atto to Nano are timm's. DINOv3 (Siméoni et al., 2025, arXiv:2508.10104) distils its backbones into
four of these networks, which have no classifier: `include_top=False`, or `classes=` for a new one.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, drop_path_rates

VARIANTS = {  # blocks and filters of the four stages: section 3, and timm for the first four
    "Atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "Femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "Pico": ((2, 2, 6, 2), (64, 128, 256, 512)),
    "Nano": ((2, 2, 8, 2), (80, 160, 320, 640)),
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


def four_stages(x, nn: Blocks, block, *, depths, filters, drop_path: float):
    """A stem of 4x4 patches, and stages of `block` that begin by halving the map."""
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


def backbone(x, nn: Blocks, *, depths, filters, drop_path: float):
    return four_stages(x, nn, block, depths=depths, filters=filters, drop_path=drop_path)


def final(x, nn: Blocks):
    return nn.layer_norm(x, name="head_norm")


def _application(name, variant, flavors, *references, classes=1000):
    depths, filters = VARIANTS[variant]
    return Application(
        name,
        backbone,
        final=final,
        size=224,
        flavors=flavors,
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={"depths": depths, "filters": filters},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=references,
        classes=classes,
    )


def _in_keras(variant, in_torchvision=True):
    # All agree in everything: no stride needs padding, no batch is normalised.
    name = f"convnext_{variant.lower()}"
    libraries = ("timm", "torchvision") if in_torchvision else ("timm",)
    return _application(
        f"ConvNeXt{variant}",
        variant,
        {"keras": Flavor("torch", interpolation="bicubic")},
        reference(f"keras/ConvNeXt{variant}", "keras"),
        *(reference(f"{library}/{name}", "keras") for library in libraries),
    )


def _in_timm(name, variant, model, crop_pct, classes=1000):
    flavors = {"torch": Flavor("torch", crop_pct=crop_pct, interpolation="bicubic")}
    names = reference(f"timm/{model}", "torch")
    return _application(name, variant, flavors, names, classes=classes)


ConvNeXtAtto = _in_timm("ConvNeXtAtto", "Atto", "convnext_atto", 0.875)
ConvNeXtFemto = _in_timm("ConvNeXtFemto", "Femto", "convnext_femto", 0.875)
ConvNeXtPico = _in_timm("ConvNeXtPico", "Pico", "convnext_pico", 0.875)
ConvNeXtNano = _in_timm("ConvNeXtNano", "Nano", "convnext_nano", 0.95)
ConvNeXtTiny = _in_keras("Tiny")
ConvNeXtSmall = _in_keras("Small")
ConvNeXtBase = _in_keras("Base")
ConvNeXtLarge = _in_keras("Large")
ConvNeXtXLarge = _in_keras("XLarge", in_torchvision=False)


def _dinov3(variant):
    model = f"convnext_{variant.lower()}.dinov3_lvd1689m"
    return _in_timm(f"DINOv3ConvNeXt{variant}", variant, model, 1.0, classes=0)


DINOv3ConvNeXtTiny = _dinov3("Tiny")
DINOv3ConvNeXtSmall = _dinov3("Small")
DINOv3ConvNeXtBase = _dinov3("Base")
DINOv3ConvNeXtLarge = _dinov3("Large")

__all__ = [
    "ConvNeXtAtto",
    "ConvNeXtBase",
    "ConvNeXtFemto",
    "ConvNeXtLarge",
    "ConvNeXtNano",
    "ConvNeXtPico",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "DINOv3ConvNeXtBase",
    "DINOv3ConvNeXtLarge",
    "DINOv3ConvNeXtSmall",
    "DINOv3ConvNeXtTiny",
    "decode_predictions",
    "preprocess_input",
]
