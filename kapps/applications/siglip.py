"""SigLIP: Sigmoid Loss for Language Image Pre-Training (Zhai et al., 2023, arXiv:2303.15343).

Its image tower: a ViT without a class token, which pools by attention as in Scaling Vision
Transformers (Zhai et al., 2021, arXiv:2106.04560), section 3.2.
"""

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks, LatentQuery, attention_pool


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.position_embedding(x, grid, name="position_embedding")
    x = nn.encoder(x, depth, num_heads, 4 * channels, drop_path=drop_path)
    return nn.layer_norm(x, 1e-6, name="head_norm")


def top(x, nn: Blocks, *, channels: int, num_heads: int):
    """Attention pooling with a learnt query, and one more pair of products."""
    query = LatentQuery(name="head_latent")(x)
    x = attention_pool(query, x, nn, num_heads, name="head_pool")
    x = nn.dense(x, channels, name="head_pool_project")
    y = nn.layer_norm(x, 1e-6, name="head_mlp_norm")
    return nn.residual(x, nn.mlp(y, 4 * channels, name="head_mlp"), name="head_mlp")


TOP_LAYERS = (
    "head_latent",
    *(f"head_pool_{part}" for part in ("query", "key", "value", "project")),
    *(f"head_mlp_{part}" for part in ("norm", "expand", "project")),
)


def _application(size: str) -> Application:
    return application(
        f"SigLIPViT{size}16",
        size,
        16,
        references=(f"timm/vit_{size.lower()}_patch16_siglip_224",),
        preprocessing="tensorflow",
        classes=0,
        backbone=backbone,
        top=top,
        top_layers=TOP_LAYERS,
        tokens=Tokens(16, prefix=0, pooling="avg"),
    )


SigLIPViTBase16 = _application("Base")

__all__ = ["SigLIPViTBase16", "decode_predictions", "preprocess_input"]
