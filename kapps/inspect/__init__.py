"""Look into a model: its layers, parameters, multiply-accumulates, receptive fields and memory."""

from kapps.inspect.drawing import svg
from kapps.inspect.folding import fold
from kapps.inspect.graph import Box, boxes
from kapps.inspect.layers import LayerRow, count_macs, layer_table
from kapps.inspect.memory import Memory, inference_memory, training_memory
from kapps.inspect.receptive import Field, receptive_fields
from kapps.inspect.traits import traits

__all__ = [
    "Box",
    "Field",
    "LayerRow",
    "Memory",
    "boxes",
    "count_macs",
    "fold",
    "inference_memory",
    "layer_table",
    "receptive_fields",
    "svg",
    "training_memory",
    "traits",
]
