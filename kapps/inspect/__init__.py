"""Look into a model: its layers, parameters and multiply-accumulates."""

from kapps.inspect.layers import LayerRow, count_macs, layer_table

__all__ = ["LayerRow", "count_macs", "layer_table"]
