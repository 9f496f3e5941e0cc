"""MAE: Masked Autoencoders Are Scalable Vision Learners (He et al., 2021, arXiv:2111.06377).

The encoder, a ViT, which learnt to fill in three quarters of an image; it has no classifier.
"""

from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.vit import application


def _application(size: str):
    timm = f"timm/vit_{size.lower()}_patch16_224.mae"
    return application(f"MAEViT{size}16", size, 16, references=(timm,), classes=0)


MAEViTBase16 = _application("Base")
MAEViTLarge16 = _application("Large")

__all__ = ["MAEViTBase16", "MAEViTLarge16", "decode_predictions", "preprocess_input"]
