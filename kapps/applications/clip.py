"""CLIP: Learning Transferable Visual Models From Natural Language Supervision.

Radford et al., 2021, arXiv:2103.00020. Its image towers; Huge and Giant are OpenCLIP's
(Cherti et al., 2022, arXiv:2212.07143). OpenAI
trained with `activation="quick_gelu"`, which is near a GELU.
"""

from functools import partial

from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks


def backbone(
    x,
    nn: Blocks,
    *,
    channels: int,
    depth: int,
    num_heads: int,
    patch: int,
    mlp_units: int,
    drop_path: float,
    activation: str,
):
    """ViT that normalises its tokens before the first block as well."""
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, use_bias=False, name="stem")
    x = nn.class_token(x, name="class_token")
    x = nn.position_embedding(x, grid, prefix=1, name="position_embedding")
    x = nn.layer_norm(x, 1e-5, name="stem_norm")
    mlp = partial(nn.mlp, units=mlp_units, activation=activation)
    x = nn.encoder(x, depth, num_heads, mlp_units, mlp=mlp, drop_path=drop_path, epsilon=1e-5)
    return nn.layer_norm(x, 1e-5, name="head_norm")


def _application(
    size: str, patch: int, mlp_units: int, pixels: int = 224, preprocessing: str = "clip"
):
    timm = f"timm/vit_{size.lower()}_patch{patch}_clip"
    references = ((f"{timm}_{pixels}", {}),)
    if size != "Giant":  # which OpenAI has not trained
        references += ((f"{timm}_quickgelu_{pixels}", {"activation": "quick_gelu"}),)
    return application(
        f"CLIPViT{size}{patch}" + ("" if pixels == 224 else f"_{pixels}"),
        "CLIPGiant" if size == "Giant" else size,
        patch,
        references=references,
        preprocessing=preprocessing,
        pixels=pixels,
        crop_pct=1.0,
        backbone=backbone,
        arguments={"activation": "gelu"},
        mlp_units=mlp_units,
    )


CLIPViTBase32 = _application("Base", 32, 3072)
CLIPViTBase16 = _application("Base", 16, 3072)
# Their ImageNet classifiers are LAION's, trained on another mean and deviation than OpenAI's.
CLIPViTLarge14 = _application("Large", 14, 4096, preprocessing="tensorflow")
CLIPViTLarge14_336 = _application("Large", 14, 4096, 336, preprocessing="tensorflow")
CLIPViTHuge14 = _application("Huge", 14, 5120)
CLIPViTGiant14 = _application("Giant", 14, 6144)

__all__ = [
    "CLIPViTBase16",
    "CLIPViTBase32",
    "CLIPViTGiant14",
    "CLIPViTHuge14",
    "CLIPViTLarge14",
    "CLIPViTLarge14_336",
    "decode_predictions",
    "preprocess_input",
]
