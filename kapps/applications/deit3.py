"""DeiT III: Revenge of the ViT (Touvron et al., 2022, arXiv:2204.07118)."""

from kapps.applications._application import Application
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    """ViT whose class token has no place, with a learnt scale on every branch: section 3."""
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.position_embedding(x, grid, name="position_embedding")
    x = nn.class_token(x, name="class_token")
    x = nn.encoder(x, depth, num_heads, 4 * channels, layer_scale=1e-6, drop_path=drop_path)
    return nn.layer_norm(x, 1e-6, name="head_norm")


def _application(size: str, patch: int = 16) -> Application:
    return application(
        f"DeiT3{size}{patch}",
        size,
        patch,
        references=(f"timm/deit3_{size.lower()}_patch{patch}_224",),
        crop_pct=0.9 if size == "Small" else 1.0,
        backbone=backbone,
    )


DeiT3Small16 = _application("Small")
DeiT3Medium16 = _application("Medium")
DeiT3Base16 = _application("Base")
DeiT3Large16 = _application("Large")
DeiT3Huge14 = _application("Huge", 14)

__all__ = [
    "DeiT3Base16",
    "DeiT3Huge14",
    "DeiT3Large16",
    "DeiT3Medium16",
    "DeiT3Small16",
    "decode_predictions",
    "preprocess_input",
]
