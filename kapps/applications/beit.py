"""BEiT: BERT Pre-Training of Image Transformers (Bao et al., 2021, arXiv:2106.08254).

Also BEiT v2 (Peng et al., 2022, arXiv:2208.06366), the same network after another training.
"""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks, RelativePositionAttention


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    """ViT with learnt scales, whose blocks each have a table of relative places, and no other."""
    height, width = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.class_token(x, name="class_token")
    core = partial(RelativePositionAttention, height=height, width=width, class_token=True)
    attention = partial(nn.attention, num_heads=num_heads, core=core, use_bias="query_value")
    return nn.encoder(
        x,
        depth,
        num_heads,
        4 * channels,
        attention=attention,
        layer_scale=0.1,
        drop_path=drop_path,
    )


def final(x, nn: Blocks):
    """What is pooled is normalised, not the tokens."""
    return nn.layer_norm(x, 1e-6, name="head_norm")


def _application(name: str, size: str, timm: str, preprocessing: str) -> Application:
    return application(
        name,
        size,
        16,
        references=(f"timm/{timm}_patch16_224",),
        preprocessing=preprocessing,
        backbone=backbone,
        final=final,
        tokens=Tokens(16, pooling="avg"),
    )


BEiTBase16 = _application("BEiTBase16", "Base", "beit_base", "tensorflow")
BEiTLarge16 = _application("BEiTLarge16", "Large", "beit_large", "tensorflow")
BEiTV2Base16 = _application("BEiTV2Base16", "Base", "beitv2_base", "torch")

__all__ = ["BEiTBase16", "BEiTLarge16", "BEiTV2Base16", "decode_predictions", "preprocess_input"]
