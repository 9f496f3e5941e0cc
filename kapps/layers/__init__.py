"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.attention import Attention, attention_maps
from kapps.layers.blocks import Blocks
from kapps.layers.branches import branched_conv
from kapps.layers.channels import ChannelShuffle, ChannelSlice
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.linear_attention import LinearAttention
from kapps.layers.network import Network
from kapps.layers.normalization import BatchNormalization
from kapps.layers.patches import MapToPatches, PatchesToMap
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of
from kapps.layers.reparameterization import reparameterize
from kapps.layers.resizing import BilinearResize, NearestResize, ResizeToMultiple
from kapps.layers.scaling import drop_path_rates, make_divisible
from kapps.layers.tokens import TokensToMap

__all__ = [
    "PREPROCESSING",
    "Attention",
    "BatchNormalization",
    "BilinearResize",
    "Blocks",
    "ChannelShuffle",
    "ChannelSlice",
    "Conv2D",
    "DepthwiseConv2D",
    "LayerScale",
    "LinearAttention",
    "MapToPatches",
    "NearestResize",
    "Network",
    "Normalize",
    "PatchesToMap",
    "Preprocessing",
    "ResizeToMultiple",
    "branched_conv",
    "TokensToMap",
    "attention_maps",
    "drop_path_rates",
    "initializer",
    "make_divisible",
    "normalize",
    "reparameterize",
    "spec_of",
]
