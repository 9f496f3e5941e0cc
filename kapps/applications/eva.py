"""EVA: Exploring the Limits of Masked Visual Representation Learning at Scale (Fang et al., 2022).

arXiv:2211.07636. Also EVA-02 (Fang et al., 2023, arXiv:2303.11331), whose queries and keys are
turned by their places and whose blocks widen through a gate.
"""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Attention, Blocks, RotaryAttention

TRAINED_GRID = 16  # rows and columns of patches that EVA-02 learnt its angles on


def backbone(
    x,
    nn: Blocks,
    *,
    channels: int,
    depth: int,
    num_heads: int,
    patch: int,
    mlp_units: int,
    gated: bool,
    inner_norm: bool,
    drop_path: float,
):
    height, width = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.class_token(x, name="class_token")
    x = nn.position_embedding(x, (height, width), prefix=1, name="position_embedding")
    core, mlp = Attention, partial(nn.mlp, units=mlp_units)
    if gated:
        core = partial(
            RotaryAttention, height=height, width=width, temperature=1e4, places=TRAINED_GRID,
            pairs="neighbours",
        )  # fmt: skip
        mlp = partial(nn.gated_mlp, units=mlp_units, norm_epsilon=1e-6 if inner_norm else None)
    attention = partial(nn.attention, num_heads=num_heads, core=core, use_bias="query_value")
    return nn.encoder(
        x, depth, num_heads, mlp_units, attention=attention, mlp=mlp, drop_path=drop_path
    )


def final(x, nn: Blocks):
    """What is pooled is normalised, not the tokens."""
    return nn.layer_norm(x, 1e-6, name="head_norm")


def _application(
    name: str, size: str, timm: str, pixels: int, crop_pct: float, **config
) -> Application:
    return application(
        name,
        size,
        14,
        references=(f"timm/{timm}_patch14_{pixels}",),
        preprocessing="clip",
        pixels=pixels,
        crop_pct=crop_pct,
        backbone=backbone,
        final=final,
        tokens=Tokens(14, pooling="avg"),
        **config,
    )


def _eva02(size: str, pixels: int, mlp_units: int, inner_norm: bool = False) -> Application:
    timm = f"eva02_{size.lower()}"
    config = {"mlp_units": mlp_units, "gated": True, "inner_norm": inner_norm}
    return _application(f"EVA02{size}14", size, timm, pixels, 1.0, **config)


EVAGiant14 = _application(
    "EVAGiant14", "CLIPGiant", "eva_giant", 224, 0.9, mlp_units=6144, gated=False, inner_norm=False
)
# Two thirds of four times the channels, rounded as in the published networks.
EVA02Tiny14 = _eva02("Tiny", 336, 512)
EVA02Small14 = _eva02("Small", 336, 1024)
EVA02Base14 = _eva02("Base", 448, 2048, inner_norm=True)
EVA02Large14 = _eva02("Large", 448, 2730, inner_norm=True)

__all__ = [
    "EVA02Base14",
    "EVA02Large14",
    "EVA02Small14",
    "EVA02Tiny14",
    "EVAGiant14",
    "decode_predictions",
    "preprocess_input",
]
