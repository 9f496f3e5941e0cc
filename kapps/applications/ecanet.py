"""ECA-Net: Efficient Channel Attention for Deep CNNs (Wang et al., 2020, arXiv:1910.03151).

ResNets whose blocks weigh their channels by a short kernel over the channels' means. The paper's
stands on ResNet; timm's stand on ResNet-D, with pooled shortcuts, and on a stem of their own.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks
from kapps.layers.channel_attention import efficient_channel_attention
from kapps.layers.residual import (
    bottleneck,
    pooled_projection,
    projection,
    residual_stages,
    residual_stem,
)

PLAIN, D, T = (64,), (32, 32, 64), (24, 32, 64)  # filters of the stems' convolutions


def attend(x, nn: Blocks, *, name: str):
    return efficient_channel_attention(x, nn, name=f"{name}_eca")


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], stem: tuple[int, ...], shortcut):
    x = residual_stem(x, nn, stem)
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    return residual_stages(x, nn, depths, partial(bottleneck, attention=attend), shortcut)


def _application(
    name: str,
    depths: tuple[int, ...],
    stem: tuple[int, ...] = D,
    shortcut=pooled_projection,
    timm_name: str | None = None,
    size: int = 224,
    crop_pct: float = 0.875,
):
    return Application(
        name,
        backbone,
        size=size,
        flavors={"torch": replace(TORCH, crop_pct=crop_pct, interpolation="bicubic")},
        config={"depths": depths, "stem": stem, "shortcut": shortcut},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/{timm_name}", "torch"),) if timm_name else (),
    )


ECAResNet50 = _application("ECAResNet50", DEPTHS[50], PLAIN, projection)
ECAResNet50D = _application("ECAResNet50D", DEPTHS[50], timm_name="ecaresnet50d")
ECAResNet50T = _application("ECAResNet50T", DEPTHS[50], T, timm_name="ecaresnet50t", size=256)
ECAResNet101D = _application("ECAResNet101D", DEPTHS[101], timm_name="ecaresnet101d")
ECAResNet269D = _application(
    "ECAResNet269D", DEPTHS[269], timm_name="ecaresnet269d", size=320, crop_pct=0.95
)
ECAResNetLight = _application("ECAResNetLight", (1, 1, 11, 3), PLAIN, timm_name="ecaresnetlight")

__all__ = [
    "ECAResNet50",
    "ECAResNet50D",
    "ECAResNet50T",
    "ECAResNet101D",
    "ECAResNet269D",
    "ECAResNetLight",
    "decode_predictions",
    "preprocess_input",
]
