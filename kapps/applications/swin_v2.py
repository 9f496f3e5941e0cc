"""Swin Transformer V2: Scaling Up Capacity and Resolution (Liu et al., 2021, arXiv:2111.09883)."""

from functools import partial

from kapps.applications._application import Application
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.swin import VARIANTS, elsewhere, windows_of
from kapps.layers import Blocks, CosineAttention, MergePatches, drop_path_rates


def shifted_attention(
    x, nn: Blocks, grid, window, shift, trained, num_heads: int, pad_first: bool, *, name: str
):
    """Attention by cosines within windows, whose biases are computed: section 3.2 and 3.3."""
    core = partial(
        CosineAttention,
        height=window[0],
        width=window[1],
        grid=grid,
        shift=shift,
        trained=(trained, trained) if trained else None,
    )
    attention = partial(nn.attention, num_heads=num_heads, core=core, use_bias="query_value")
    return nn.windowed(x, grid, window, shift, attention, pad_first, name=name)


def backbone(
    x,
    nn: Blocks,
    *,
    channels: int,
    depths,
    heads,
    window: int,
    trained,
    drop_path: float,
    windows: str = "fitted",
):
    """Swin whose branches are normalised at their ends.

    Args:
        trained: the window of each stage that the weights' first training had; None for `window`.
        windows: see `kapps.applications.swin.windows_of`.
    """
    grid = nn.grid(x, 4)
    x = nn.patch_embed(x, channels, 4, name="stem")
    x = nn.layer_norm(x, 1e-5, name="stem_norm")
    rates = iter(drop_path_rates(drop_path, sum(depths), last=True))
    for stage, (depth, num_heads) in enumerate(zip(depths, heads, strict=True), 1):
        width = channels * 2 ** (stage - 1)
        if stage > 1:
            name = f"stage{stage}_downsample"
            x = MergePatches(grid, name=f"{name}_merge")(x)
            x = nn.dense(x, width, use_bias=False, name=f"{name}_project")
            x = nn.layer_norm(x, 1e-5, name=f"{name}_norm")
            grid = tuple(-(-side // 2) for side in grid)
        for block in range(1, depth + 1):
            sizes, shift = windows_of(grid, window, block, windows)
            x = nn.transformer_block(
                x,
                partial(
                    shifted_attention, nn=nn, grid=grid, window=sizes, shift=shift,
                    trained=trained[stage - 1] if trained else None, num_heads=num_heads,
                    pad_first=windows != "fitted",
                ),
                partial(nn.mlp, units=4 * width),
                drop_path=next(rates),
                epsilon=1e-5,
                norm_last=True,
                name=f"stage{stage}_block{block}",
            )  # fmt: skip
    return nn.layer_norm(x, 1e-5, name="head_norm")


def _application(
    name: str, variant: str, window: int, timm: str, torchvision: str | None = None, trained=None,
    drop_path: float = 0.1,
):  # fmt: skip
    channels, depths, heads = VARIANTS[variant]
    return Application(
        f"SwinV2{name}",
        backbone,
        size=256,
        min_size=4,
        **elsewhere(f"swinv2_{timm}", torchvision, crop_pct=0.9),
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={
            "channels": channels,
            "depths": depths,
            "heads": heads,
            "window": window,
            "trained": trained,
        },
        drop_path=drop_path,
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        tokens=Tokens(4, prefix=0, pooling="avg", pyramid=True),
    )


SwinV2TinyW8 = _application("TinyW8", "Tiny", 8, "tiny_window8_256", "swin_v2_t")
SwinV2TinyW16 = _application("TinyW16", "Tiny", 16, "tiny_window16_256")
SwinV2SmallW8 = _application("SmallW8", "Small", 8, "small_window8_256", "swin_v2_s")
SwinV2SmallW16 = _application("SmallW16", "Small", 16, "small_window16_256")
SwinV2BaseW8 = _application("BaseW8", "Base", 8, "base_window8_256", "swin_v2_b")
SwinV2BaseW16 = _application("BaseW16", "Base", 16, "base_window16_256")
SwinV2LargeW12to16 = _application(
    "LargeW12to16", "Large", 16, "large_window12to16_192to256", trained=(12, 12, 12, 6)
)

__all__ = [
    "SwinV2BaseW8",
    "SwinV2BaseW16",
    "SwinV2LargeW12to16",
    "SwinV2SmallW8",
    "SwinV2SmallW16",
    "SwinV2TinyW8",
    "SwinV2TinyW16",
    "decode_predictions",
    "preprocess_input",
]
