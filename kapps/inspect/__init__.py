"""Look into a model: its layers, parameters, multiply-accumulates, receptive fields and memory."""

from kapps.inspect.layers import LayerRow, count_macs, layer_table
from kapps.inspect.memory import Memory, inference_memory, training_memory
from kapps.inspect.receptive import Field, receptive_fields

__all__ = [
    "Field",
    "LayerRow",
    "Memory",
    "count_macs",
    "inference_memory",
    "layer_table",
    "receptive_fields",
    "training_memory",
]
