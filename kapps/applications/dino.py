"""DINO: Emerging Properties in Self-Supervised Vision Transformers (Caron et al., 2021).

arXiv:2104.14294. ViT, trained without labels: it has no classifier, its class token is the answer.
"""

from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application


def _application(size: str, patch: int, *references: str):
    references = (f"timm/vit_{size.lower()}_patch{patch}_224.dino", *references)
    return application(f"DINOViT{size}{patch}", size, patch, references=references, classes=0)


DINOViTSmall16 = _application("Small", 16)
DINOViTSmall8 = _application("Small", 8, "timm/vit_small_patch8_224")  # which has no other weights
DINOViTBase16 = _application("Base", 16)
DINOViTBase8 = _application("Base", 8)

__all__ = [
    "DINOViTBase8",
    "DINOViTBase16",
    "DINOViTSmall8",
    "DINOViTSmall16",
    "decode_predictions",
    "preprocess_input",
]
