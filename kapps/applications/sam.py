"""SAM: Segment Anything (Kirillov et al., 2023, arXiv:2304.02643).

Its image encoder, after Exploring Plain Vision Transformer Backbones for Object Detection (Li et
al., 2022, arXiv:2203.16527): a ViT that attends within windows, and in the last block of each
quarter to everything. It ends in a map of 256 channels, and has no classifier.
"""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application
from kapps.layers import Blocks, DecomposedAttention, drop_path_rates

WINDOW = 14
NECK = 256  # channels of the map


def windowed_attention(x, nn: Blocks, grid, num_heads: int, *, name: str):
    """Attention within windows; those at the lower and the right edge are padded."""
    core = partial(DecomposedAttention, height=WINDOW, width=WINDOW)
    attention = partial(nn.attention, num_heads=num_heads, core=core)
    return nn.windowed(x, grid, (WINDOW, WINDOW), (0, 0), attention, name=name)


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.position_embedding(x, grid, name="position_embedding")
    windowed = partial(windowed_attention, nn=nn, grid=grid, num_heads=num_heads)
    core = partial(DecomposedAttention, height=grid[0], width=grid[1])
    everywhere = partial(nn.attention, num_heads=num_heads, core=core)
    mlp = partial(nn.mlp, units=4 * channels)
    quarter = depth // 4
    for index, rate in enumerate(drop_path_rates(drop_path, depth, last=True)):
        stage, block = index // quarter + 1, index % quarter + 1
        attention = everywhere if block == quarter else windowed
        name = f"stage{stage}_block{block}"
        # The epsilon of the norms is 1e-6, as in the published encoder; in timm's copy it is 1e-5.
        x = nn.transformer_block(x, attention, mlp, drop_path=rate, name=name)
    x = nn.to_map(x, grid, name="neck_map")
    for part, size in ((1, 1), (2, 3)):
        x = nn.conv(x, NECK, size, use_bias=False, name=f"neck_{part}_conv")
        x = nn.layer_norm(x, 1e-6, name=f"neck_{part}_norm")
    return x


def _application(size: str) -> Application:
    return application(
        f"SAMViT{size}16",
        size,
        16,
        references=(f"timm/samvit_{size.lower()}_patch16",),
        pixels=1024,
        crop_pct=1.0,
        classes=0,
        backbone=backbone,
        tokens=Tokens(16, prefix=0, pooling="avg"),
    )


SAMViTBase16 = _application("Base")
SAMViTLarge16 = _application("Large")
SAMViTHuge16 = _application("Huge")

__all__ = [
    "SAMViTBase16",
    "SAMViTHuge16",
    "SAMViTLarge16",
    "decode_predictions",
    "preprocess_input",
]
