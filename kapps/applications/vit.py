"""ViT: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020, arXiv:2010.11929)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._tokens import Tokens
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks

SIZES = {  # channels, blocks, heads: table 1; Tiny and Small are DeiT's
    "Tiny": (192, 12, 3),
    "Small": (384, 12, 6),
    "Base": (768, 12, 12),
    "Large": (1024, 24, 16),
    "Huge": (1280, 32, 16),
}


def backbone(
    x, nn: Blocks, *, channels: int, depth: int, num_heads: int, patch: int, drop_path: float
):
    grid = nn.grid(x, patch)
    x = nn.patch_embed(x, channels, patch, name="stem")
    x = nn.class_token(x, name="class_token")
    x = nn.position_embedding(x, grid, prefix=1, name="position_embedding")
    x = nn.encoder(x, depth, num_heads, 4 * channels, drop_path=drop_path)
    return nn.layer_norm(x, 1e-6, name="head_norm")


def _application(
    size: str, patch: int, torchvision: str | None = None, pixels: int = 224, crop_pct: float = 0.9,
    preprocessing: str = "tensorflow", classes: int = 1000,
):  # fmt: skip
    channels, depth, num_heads = SIZES[size]
    references = [f"timm/vit_{size.lower()}_patch{patch}_{pixels}"]
    if torchvision:
        references.append(f"torchvision/{torchvision}")
    return Application(
        f"ViT{size}{patch}",
        backbone,
        size=pixels,
        min_size=patch,
        flavors={"torch": Flavor(preprocessing, crop_pct=crop_pct, interpolation="bicubic")},
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config={"channels": channels, "depth": depth, "num_heads": num_heads, "patch": patch},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        tokens=Tokens(patch),
        classes=classes,
        references=tuple(reference(name, "torch") for name in references),
    )


ViTTiny16 = _application("Tiny", 16)
ViTSmall16 = _application("Small", 16)
ViTSmall32 = _application("Small", 32)
ViTBase8 = _application("Base", 8)
ViTBase16 = _application("Base", 16, "vit_b_16")
ViTBase32 = _application("Base", 32, "vit_b_32")
ViTLarge16 = _application("Large", 16, "vit_l_16")
ViTLarge32 = _application("Large", 32, "vit_l_32", pixels=384, crop_pct=1.0)
ViTHuge14 = _application("Huge", 14, "vit_h_14", preprocessing="torch", classes=0)

__all__ = [
    "ViTBase8",
    "ViTBase16",
    "ViTBase32",
    "ViTHuge14",
    "ViTLarge16",
    "ViTLarge32",
    "ViTSmall16",
    "ViTSmall32",
    "ViTTiny16",
    "decode_predictions",
    "preprocess_input",
]
