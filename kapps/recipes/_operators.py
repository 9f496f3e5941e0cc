"""The operators of a .tflite file as the rows of a layer table."""

import math

import numpy as np

from kapps.export.flatbuffer import WEIGHTED, Contents, Operator, TensorFacts, layer_name
from kapps.inspect import Field, LayerRow, formulas, receptive
from kapps.recipes import _layers

# What has numbers of its own; a constant of another operator is a shape or an axis.
COUNTED = (*WEIGHTED, "ADD", "SUB", "MUL", "DIV", "PRELU", "GATHER", "BATCH_MATMUL")
LEGEND = _layers.LEGEND.replace("in float32", "as the file stores them")


def table(contents: Contents) -> list[LayerRow]:
    """A row for each operator that computes something of the image, in the order of the file."""
    fields = {tensor.index: Field() for tensor in contents.inputs}
    fixed: dict[int, TensorFacts] = {}
    rows = []
    for op in contents.operators:
        given = [tensor for tensor in op.inputs if tensor is not None]
        fixed |= {tensor.index: tensor for tensor in given if tensor.constant}
        if all(tensor.index in fixed for tensor in given):  # such as weights that it unpacks
            fixed |= dict.fromkeys((tensor.index for tensor in op.outputs), given[0])
            continue
        seen = [tensor for tensor in given if tensor.index not in fixed]
        field = _behind(op, [fields.get(t.index, receptive.EVERYTHING) for t in seen], seen)
        fields |= dict.fromkeys((tensor.index for tensor in op.outputs), field)
        weights = [fixed[t.index] for t in given if t.index in fixed and _counted(op, t)]
        rows.append(_row(op, field, weights, seen[0].shape))
    return rows


def totals(contents: Contents, rows: list[LayerRow]) -> list[tuple[str, str]]:
    """(what, how much) of the whole file."""
    return [
        ("parameters", f"{sum(row.params for row in rows):,}"),
        ("multiply-adds", f"{contents.macs():,}"),
        ("file", _layers.size_of(contents.bytes)),
        ("activations, one inference", f"{_layers.size_of(_peak(contents))} at most"),
    ]


def _row(op: Operator, field: Field, weights: list[TensorFacts], before: tuple) -> LayerRow:
    shape, how = op.outputs[0].shape, op.window
    seen = not field.everywhere
    counts = [math.prod(weight.shape) for weight in weights]
    slides = {}
    if how is not None:
        slides = {"kernel": how.kernel, "strides": how.strides}
        slides |= {"padding": how.padding, "dilation": how.dilation}
    return LayerRow(
        name=layer_name(op.outputs[0].name),
        kind=op.name,
        output_shape=shape,
        params=sum(counts),
        macs=op.macs,
        filters=shape[-1] if op.name in WEIGHTED else None,
        activations=_bytes(op.outputs[0]),
        receptive_field=tuple(round(r) for r in field.extent) if seen else None,
        jump=field.jump if seen else None,
        centre=field.centre if seen else None,
        context=seen and field.context,
        params_formula=_formula(op, weights, counts),
        size_formula=_sizes(op, before),
        **slides,
    )


def _counted(op: Operator, tensor: TensorFacts) -> bool:
    # The first input of a transposed convolution is the shape of its output.
    return op.name in COUNTED and not (op.name == "TRANSPOSE_CONV" and tensor is op.inputs[0])


def _formula(op: Operator, weights: list[TensorFacts], counts: list[int]) -> str:
    if not counts:
        return ""
    shape, bias = weights[0].shape, " + 1" if len(counts) > 1 else ""
    if op.name in ("CONV_2D", "TRANSPOSE_CONV"):
        filters, high, wide, channels = shape
        text = f"({high}x{wide}x{channels}{bias}) x {filters}"
    elif op.name == "DEPTHWISE_CONV_2D":
        text = f"({shape[1]}x{shape[2]}{bias}) x {shape[3]}"
    elif op.name == "FULLY_CONNECTED":
        text = f"({shape[1]:,}{bias}) x {shape[0]:,}"
    else:
        text = " + ".join("x".join(map(str, weight.shape)) or "1" for weight in weights)
    return f"{text} = {sum(counts):,}"


def _sizes(op: Operator, before: tuple) -> str:
    if op.window is None or op.name == "TRANSPOSE_CONV":
        return ""
    how = op.window
    values = zip(before[1:3], _reach(op), how.strides, op.outputs[0].shape[1:3], strict=True)
    return " by ".join(dict.fromkeys(formulas.one_side(*one, how.padding) for one in values))


def _reach(op: Operator) -> tuple[int, ...]:
    how = op.window
    return tuple((k - 1) * d + 1 for k, d in zip(how.kernel, how.dilation, strict=True))


def _behind(op: Operator, fields: list[Field], given: list[TensorFacts]) -> Field:
    """The field of an operator on values with `fields`; everything where it is not known."""
    before, after = given[0].shape, op.outputs[0].shape
    if op.name == "BATCH_MATMUL":
        return receptive.EVERYTHING
    if len(fields) > 1:
        return receptive.union(fields, [tensor.shape for tensor in given])
    field = fields[0]
    if field.everywhere:
        return field
    if op.window is not None:
        strides = op.window.strides
        if op.name == "TRANSPOSE_CONV":
            reads = [math.ceil(k / s) for k, s in zip(op.window.kernel, strides, strict=True)]
            return receptive.spread(field, strides, reads)
        zeros = [0, 0]
        if op.window.padding == "same":
            sides = zip(before[1:3], _reach(op), strides, strict=True)
            zeros = [receptive.zeros_before(*one) for one in sides]
        return receptive.windowed(field, _reach(op), strides, zeros)
    if op.before is not None:
        return receptive.moved(field, [-count for count in op.before])
    if op.name.startswith("RESIZE"):
        scale = [b / a for a, b in zip(before[1:3], after[1:3], strict=True)]
        return receptive.spread(field, scale, (1, 1) if "NEAREST" in op.name else (2, 2))
    places = math.prod(before[1:-1])  # a map may become a row of tokens, and back
    return field if math.prod(after[1:-1]) == places else receptive.EVERYTHING


def _bytes(tensor: TensorFacts) -> int:
    width = 0.5 if tensor.dtype == "int4" else np.dtype(tensor.dtype).itemsize
    return math.ceil(math.prod(tensor.shape) * width)


def _peak(contents: Contents) -> int:
    """Bytes of activations at most, when each is let go after its last reader."""
    last = {t.index: i for i, op in enumerate(contents.operators) for t in op.inputs if t}
    last |= {tensor.index: len(contents.operators) for tensor in contents.outputs}
    alive = {tensor.index: _bytes(tensor) for tensor in contents.inputs}
    peak = sum(alive.values())
    for i, op in enumerate(contents.operators):
        if any(tensor is not None and not tensor.constant for tensor in op.inputs):
            alive |= {tensor.index: _bytes(tensor) for tensor in op.outputs}
        peak = max(peak, sum(alive.values()))
        alive = {index: size for index, size in alive.items() if last.get(index, -1) > i}
    return peak
