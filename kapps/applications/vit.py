"""ViT: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020, arXiv:2010.11929)."""

from collections.abc import Mapping
from typing import Any

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
    "Medium": (512, 12, 8),  # DeiT III's
    "CLIPGiant": (1408, 40, 16),  # EVA's as well
    "DINOv2Giant": (1536, 40, 24),
    "DINOv3Huge": (1280, 32, 20),
    "DINOv3Giant": (4096, 40, 32),
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


def application(
    name: str,
    size: str,
    patch: int,
    *,
    references: tuple,
    preprocessing: str = "torch",
    pixels: int = 224,
    crop_pct: float = 0.9,
    classes: int = 1000,
    backbone=backbone,
    top=None,
    top_layers: tuple[str, ...] = (),
    classifier=None,
    final=None,
    tokens: Tokens | None = None,
    arguments: Mapping[str, Any] | None = None,
    **config,
) -> Application:
    """A row of this family or of one that shares its sizes.

    `references` are names, or pairs of a name and the arguments that make it the same.
    """
    channels, depth, num_heads = SIZES[size]
    return Application(
        name,
        backbone,
        top=top,
        top_layers=top_layers,
        classifier=classifier,
        final=final,
        arguments=arguments or {},
        size=pixels,
        min_size=patch,
        flavors={"torch": Flavor(preprocessing, crop_pct=crop_pct, interpolation="bicubic")},
        activation="gelu",
        blocks={"kernel_initializer": "truncated_normal"},
        config=dict(channels=channels, depth=depth, num_heads=num_heads, patch=patch, **config),
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        tokens=tokens or Tokens(patch),
        classes=classes,
        references=tuple(
            reference(other, "torch")
            if isinstance(other, str)
            else reference(other[0], "torch", **other[1])
            for other in references
        ),
    )


def _vit(size: str, patch: int, torchvision: str | None = None, **config) -> Application:
    timm = f"timm/vit_{size.lower()}_patch{patch}_{config.get('pixels', 224)}"
    references = (timm, f"torchvision/{torchvision}") if torchvision else (timm,)
    config = {"preprocessing": "tensorflow"} | config
    return application(f"ViT{size}{patch}", size, patch, references=references, **config)


ViTTiny16 = _vit("Tiny", 16)
ViTSmall16 = _vit("Small", 16)
ViTSmall32 = _vit("Small", 32)
ViTBase8 = _vit("Base", 8)
ViTBase16 = _vit("Base", 16, "vit_b_16")
ViTBase32 = _vit("Base", 32, "vit_b_32")
ViTLarge16 = _vit("Large", 16, "vit_l_16")
ViTLarge32 = _vit("Large", 32, "vit_l_32", pixels=384, crop_pct=1.0)
ViTHuge14 = _vit("Huge", 14, "vit_h_14", preprocessing="torch", classes=0)

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
