"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.attention import Attention, attention_maps
from kapps.layers.blocks import Blocks
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.cosine_attention import CosineAttention
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.network import Network
from kapps.layers.normalization import BatchNormalization, LayerNormalization
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of
from kapps.layers.relative_position import RelativePositionAttention
from kapps.layers.rotary import RotaryAttention
from kapps.layers.scaling import drop_path_rates, make_divisible
from kapps.layers.token_windows import MergePatches
from kapps.layers.tokens import TokensToMap

__all__ = [
    "PREPROCESSING",
    "Attention",
    "BatchNormalization",
    "Blocks",
    "Conv2D",
    "DepthwiseConv2D",
    "LayerNormalization",
    "LayerScale",
    "Network",
    "Normalize",
    "Preprocessing",
    "CosineAttention",
    "MergePatches",
    "RelativePositionAttention",
    "RotaryAttention",
    "TokensToMap",
    "attention_maps",
    "drop_path_rates",
    "initializer",
    "make_divisible",
    "normalize",
    "spec_of",
]
