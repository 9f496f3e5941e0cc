"""Swin Transformer: Hierarchical Vision Transformer using Shifted Windows (Liu et al., 2021).

arXiv:2103.14030.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, MergePatches, RelativePositionAttention, drop_path_rates

VARIANTS = {  # channels of the first stage, blocks and heads of the four: table 7
    "Tiny": (96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "Small": (96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "Base": (128, (2, 2, 18, 2), (4, 8, 16, 32)),
    "Large": (192, (2, 2, 18, 2), (6, 12, 24, 48)),
}


def windows_of(
    grid, window: int, block: int, windows: str = "fitted"
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The window and the shift of a block: every second one is shifted by half a window.

    Args:
        windows: "fitted" to a side that they would cover, which is then not shifted; as timm.
            "padded" is the side to whole windows before it is shifted, which a side of one window
            is not; as torchvision. "shifted" are those too; as the authors' detectors.
    """
    fits = windows == "fitted"
    sizes = tuple(min(side, window) if fits else window for side in grid)
    shifts = tuple(
        window // 2 if block % 2 == 0 and (side > window or windows == "shifted") else 0
        for side in grid
    )
    return sizes, shifts


def shifted_attention(
    x, nn: Blocks, grid, window, shift, num_heads: int, pad_first: bool = False, *, name: str
):
    """Attention within windows: figure 2."""
    core = partial(
        RelativePositionAttention, height=window[0], width=window[1], grid=grid, shift=shift
    )
    attention = partial(nn.attention, num_heads=num_heads, core=core)
    return nn.windowed(x, grid, window, shift, attention, pad_first, name=name)


def backbone(
    x,
    nn: Blocks,
    *,
    channels: int,
    depths,
    heads,
    window: int,
    drop_path: float,
    windows: str = "fitted",
):
    """Four stages of windows, see `windows_of`."""
    grid = nn.grid(x, 4)
    x = nn.patch_embed(x, channels, 4, name="stem")
    x = nn.layer_norm(x, 1e-5, name="stem_norm")
    rates = iter(drop_path_rates(drop_path, sum(depths), last=True))
    for stage, (depth, num_heads) in enumerate(zip(depths, heads, strict=True), 1):
        width = channels * 2 ** (stage - 1)
        if stage > 1:
            name = f"stage{stage}_downsample"
            x = MergePatches(grid, name=f"{name}_merge")(x)
            x = nn.layer_norm(x, 1e-5, name=f"{name}_norm")
            x = nn.dense(x, width, use_bias=False, name=f"{name}_project")
            grid = tuple(-(-side // 2) for side in grid)
        for block in range(1, depth + 1):
            sizes, shift = windows_of(grid, window, block, windows)
            x = nn.transformer_block(
                x,
                partial(
                    shifted_attention, nn=nn, grid=grid, window=sizes, shift=shift,
                    num_heads=num_heads, pad_first=windows != "fitted",
                ),
                partial(nn.mlp, units=4 * width),
                drop_path=next(rates),
                epsilon=1e-5,
                name=f"stage{stage}_block{block}",
            )  # fmt: skip
    return nn.layer_norm(x, 1e-5, name="head_norm")


def elsewhere(timm: str, torchvision: str | None, crop_pct: float) -> dict:
    """The flavors of an application and their references, by the names of its models."""
    flavors = {"torch": Flavor("torch", crop_pct=crop_pct, interpolation="bicubic")}
    references = [reference(f"timm/{timm}", "torch")]
    if torchvision:
        flavors["torchvision"] = replace(flavors["torch"], config={"windows": "padded"})
        references.append(reference(f"torchvision/{torchvision}", "torchvision"))
    return {"flavors": flavors, "references": tuple(references)}


def _application(
    variant: str, torchvision: str | None = None, window: int = 7, size: int = 224,
    drop_path: float = 0.1,
):  # fmt: skip
    channels, depths, heads = VARIANTS[variant]
    timm = f"swin_{variant.lower()}_patch4_window{window}_{size}"
    return Application(
        f"Swin{variant}" + ("" if size == 224 else str(size)),
        backbone,
        size=size,
        min_size=4,
        **elsewhere(timm, torchvision, crop_pct=0.9 if size == 224 else 1.0),
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={"channels": channels, "depths": depths, "heads": heads, "window": window},
        drop_path=drop_path,
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        tokens=Tokens(4, prefix=0, pooling="avg", pyramid=True),
    )


SwinTiny = _application("Tiny", "swin_t")
SwinSmall = _application("Small", "swin_s")
SwinBase = _application("Base", "swin_b")
SwinLarge = _application("Large")
SwinBase384 = _application("Base", window=12, size=384)
SwinLarge384 = _application("Large", window=12, size=384)

__all__ = [
    "SwinBase",
    "SwinBase384",
    "SwinLarge",
    "SwinLarge384",
    "SwinSmall",
    "SwinTiny",
    "decode_predictions",
    "preprocess_input",
]
