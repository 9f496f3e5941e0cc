"""DeiT: Training data-efficient image transformers (Touvron et al., 2020, arXiv:2012.12877).

ViT, trained on ImageNet alone. The distilled ones have a second token and a second classifier,
which learnt from a teacher; the answer is the mean of both.
"""

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.applications.vit import backbone as vit_backbone
from kapps.layers import Blocks
from kapps.weights.port import CLASSIFIER


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    """ViT with a distillation token behind the class token: figure 2."""
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.class_token(x, name="distillation_token")
    x = nn.class_token(x, name="class_token")
    x = nn.position_embedding(x, grid, prefix=2, name="position_embedding")
    x = nn.encoder(x, depth, num_heads, 4 * channels, drop_path=drop_path)
    return nn.layer_norm(x, 1e-6, name="head_norm")


def top(x, nn: Blocks):
    """The class token and the distillation token side by side, for the mean of two classifiers."""
    x = nn.token_pool(x, "token", 2, count=2, name="token_pool")
    return nn.scale(x, 0.5, name="head_mean")


def classifier(nn: Blocks, x, classes: int, activation: str | None, dropout: float):
    """Two classifiers in one layer, which answers with their mean: section 4."""
    x = nn.dropout(x, dropout, name="head_dropout")
    return nn.mean_dense(x, classes, 2, activation, dtype="float32", name=CLASSIFIER)


def _application(size: str, pixels: int = 224, crop_pct: float = 0.9) -> Application:
    return application(
        f"DeiT{size}16" + ("" if pixels == 224 else f"_{pixels}"),
        size,
        16,
        references=(f"timm/deit_{size.lower()}_patch16_{pixels}",),
        pixels=pixels,
        crop_pct=crop_pct,
        backbone=vit_backbone,
    )


def _distilled(size: str) -> Application:
    return application(
        f"DeiT{size}Distilled16",
        size,
        16,
        references=(f"timm/deit_{size.lower()}_distilled_patch16_224",),
        backbone=backbone,
        top=top,
        classifier=classifier,
        tokens=Tokens(16, prefix=2),
    )


DeiTTiny16 = _application("Tiny")
DeiTSmall16 = _application("Small")
DeiTBase16 = _application("Base")
DeiTBase16_384 = _application("Base", pixels=384, crop_pct=1.0)
DeiTTinyDistilled16 = _distilled("Tiny")
DeiTSmallDistilled16 = _distilled("Small")
DeiTBaseDistilled16 = _distilled("Base")

__all__ = [
    "DeiTBase16",
    "DeiTBase16_384",
    "DeiTBaseDistilled16",
    "DeiTSmall16",
    "DeiTSmallDistilled16",
    "DeiTTiny16",
    "DeiTTinyDistilled16",
    "decode_predictions",
    "preprocess_input",
]
