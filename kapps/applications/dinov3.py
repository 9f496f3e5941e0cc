"""DINOv3: self-supervised features at scale (Siméoni et al., 2025, arXiv:2508.10104).

The transformers; its ConvNeXts are in `convnext.py`.
"""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks, RotaryAttention

REGISTERS = 4


def backbone(
    x,
    nn: Blocks,
    *,
    channels: int,
    depth: int,
    num_heads: int,
    patch: int,
    gated_units: int | None,
    drop_path: float,
):
    """ViT with registers and learnt scales; places turn queries and keys, and are nowhere else."""
    height, width = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.class_token(x, REGISTERS, name="registers")
    x = nn.class_token(x, name="class_token")
    core = partial(RotaryAttention, height=height, width=width, prefix=1 + REGISTERS)
    attention = partial(nn.attention, num_heads=num_heads, core=core, use_bias=False)
    mlp = partial(nn.gated_mlp, units=gated_units) if gated_units else None
    x = nn.encoder(
        x,
        depth,
        num_heads,
        4 * channels,
        attention=attention,
        mlp=mlp,
        layer_scale=1e-5,
        drop_path=drop_path,
        epsilon=1e-5,
    )
    return nn.layer_norm(x, 1e-5, name="head_norm")


def _application(name: str, size: str, gated_units: int | None = None) -> Application:
    return application(
        f"DINOv3ViT{name.replace('_', '')}16",
        size,
        16,
        references=(f"timm/vit_{name.lower()}_patch16_dinov3",),
        pixels=256,
        crop_pct=1.0,
        classes=0,
        backbone=backbone,
        tokens=Tokens(16, prefix=1 + REGISTERS, pooling="avg"),
        gated_units=gated_units,
    )


DINOv3ViTSmall16 = _application("Small", "Small")
DINOv3ViTSmallPlus16 = _application("Small_Plus", "Small", 1536)
DINOv3ViTBase16 = _application("Base", "Base")
DINOv3ViTLarge16 = _application("Large", "Large")
DINOv3ViTHugePlus16 = _application("Huge_Plus", "DINOv3Huge", 5120)
DINOv3ViT7B16 = _application("7B", "DINOv3Giant", 8192)

__all__ = [
    "DINOv3ViT7B16",
    "DINOv3ViTBase16",
    "DINOv3ViTHugePlus16",
    "DINOv3ViTLarge16",
    "DINOv3ViTSmall16",
    "DINOv3ViTSmallPlus16",
    "decode_predictions",
    "preprocess_input",
]
