"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.blocks import Blocks, drop_path_rates, make_divisible
from kapps.layers.blur_pool import BlurPool2D
from kapps.layers.channel_attention import (
    efficient_channel_attention,
    selective_kernel,
    split_attention,
)
from kapps.layers.channels import ChannelShuffle, ChannelSlice
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.network import Network
from kapps.layers.normalization import BatchNormalization
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of

__all__ = [
    "PREPROCESSING",
    "BatchNormalization",
    "Blocks",
    "BlurPool2D",
    "ChannelShuffle",
    "ChannelSlice",
    "Conv2D",
    "DepthwiseConv2D",
    "LayerScale",
    "Network",
    "Normalize",
    "Preprocessing",
    "drop_path_rates",
    "efficient_channel_attention",
    "initializer",
    "make_divisible",
    "normalize",
    "selective_kernel",
    "spec_of",
    "split_attention",
]
