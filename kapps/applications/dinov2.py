"""DINOv2: Learning Robust Visual Features without Supervision (Oquab et al., 2023, 2304.07193).

Those with registers follow Vision Transformers Need Registers (Darcet et al., 2023, 2309.16588).
"""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
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
    registers: int,
    gated_units: int | None,
    drop_path: float,
):
    """ViT with learnt scales; registers have no place, and leave the class token none."""
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    if registers:
        x = nn.position_embedding(x, grid, name="position_embedding")
        x = nn.class_token(x, registers, name="registers")
        x = nn.class_token(x, name="class_token")
    else:
        x = nn.class_token(x, name="class_token")
        x = nn.position_embedding(x, grid, prefix=1, name="position_embedding")
    mlp = partial(nn.gated_mlp, units=gated_units) if gated_units else None
    x = nn.encoder(
        x, depth, num_heads, 4 * channels, mlp=mlp, layer_scale=1e-5, drop_path=drop_path
    )
    return nn.layer_norm(x, 1e-6, name="head_norm")


def _application(size: str, registers: int = 0) -> Application:
    timm = f"timm/vit_{size.lower()}_patch14_" + ("reg4_" if registers else "") + "dinov2"
    return application(
        f"DINOv2ViT{size}14" + (f"Reg{registers}" if registers else ""),
        "DINOv2Giant" if size == "Giant" else size,
        14,
        references=(timm,),
        pixels=518,
        crop_pct=1.0,
        classes=0,
        backbone=backbone,
        tokens=Tokens(14, prefix=1 + registers),
        registers=registers,
        gated_units=4096 if size == "Giant" else None,
    )


DINOv2ViTSmall14 = _application("Small")
DINOv2ViTBase14 = _application("Base")
DINOv2ViTLarge14 = _application("Large")
DINOv2ViTGiant14 = _application("Giant")
DINOv2ViTSmall14Reg4 = _application("Small", 4)
DINOv2ViTBase14Reg4 = _application("Base", 4)
DINOv2ViTLarge14Reg4 = _application("Large", 4)
DINOv2ViTGiant14Reg4 = _application("Giant", 4)

__all__ = [
    "DINOv2ViTBase14",
    "DINOv2ViTBase14Reg4",
    "DINOv2ViTGiant14",
    "DINOv2ViTGiant14Reg4",
    "DINOv2ViTLarge14",
    "DINOv2ViTLarge14Reg4",
    "DINOv2ViTSmall14",
    "DINOv2ViTSmall14Reg4",
    "decode_predictions",
    "preprocess_input",
]
