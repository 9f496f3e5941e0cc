"""Is the file what its mode says? Operators, static shapes and the types of every tensor."""

from kapps.errors import ExportError
from kapps.export.flatbuffer import WEIGHTED, Contents, Operator, TensorFacts

MODES = ("float32", "float16", "dynamic_int8", "int8")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64", "bool")


def check(contents: Contents, mode: str) -> None:
    """Raise unless the file keeps every promise of its mode.

    float32: nothing is quantised. float16: every weight is stored in float16. dynamic_int8: every
    weight of a convolution or product is int8, inputs and outputs are float32. int8: no float
    tensor anywhere, weights int8, input and output uint8.

    Raises:
        ExportError: one sentence that names the operators.
    """
    foreign = sorted({op.name for op in contents.operators if op.name.startswith("CUSTOM:")})
    if foreign:
        raise ExportError(
            f"the file needs operators outside LiteRT's builtins: {', '.join(foreign)};"
            " a plain runtime cannot load it."
        )
    dynamic = [t.name for t in (*contents.inputs, *contents.outputs) if t.dynamic]
    if dynamic:
        raise ExportError(f"the shape of {dynamic[0]!r} is not static; delegates would refuse it.")
    wrong = _CHECKS[mode](contents)
    if wrong:
        listed = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise ExportError(f"the file is not {mode}: {listed}.")


def weights(contents: Contents) -> list[tuple[Operator, TensorFacts]]:
    """Each constant weight with the operator that uses it."""
    pairs = []
    for op in contents.operators:
        if op.name in WEIGHTED:
            pairs.append((op, _origin(contents, op.inputs[1])))
    return [(op, tensor) for op, tensor in pairs if tensor.constant]


def _origin(contents: Contents, tensor: TensorFacts) -> TensorFacts:
    """The stored weight behind a DEQUANTIZE operator, or the tensor itself."""
    for op in contents.operators:
        if op.name == "DEQUANTIZE" and op.outputs[0].index == tensor.index:
            return op.inputs[0]
    return tensor


def _float32(contents: Contents) -> list[str]:
    return [
        f"{op.label} holds {t.dtype}"
        for op in contents.operators
        for t in op.outputs
        if t.dtype in ("int8", "uint8", "int16", "float16")
    ] + _weights(contents, "float32")


def _float16(contents: Contents) -> list[str]:
    return _weights(contents, "float16") + _ends(contents, "float32")


def _dynamic(contents: Contents) -> list[str]:
    return _weights(contents, "int8") + _ends(contents, "float32")


def _int8(contents: Contents) -> list[str]:
    floats = [
        f"{op.label} computes in {t.dtype}"
        for op in contents.operators
        for t in (*op.inputs, *op.outputs)
        if t is not None and t.dtype not in INTEGERS
    ]
    unscaled = [
        f"{op.label} has no scale"
        for op in contents.operators
        for t in op.outputs
        if t.dtype in ("int8", "uint8") and not t.scales
    ]
    return (
        list(dict.fromkeys(floats + unscaled))
        + _weights(contents, "int8")
        + _ends(contents, "uint8")
    )


def _weights(contents: Contents, dtype: str) -> list[str]:
    return [
        f"the weight of {op.label} is {tensor.dtype}"
        for op, tensor in weights(contents)
        if tensor.dtype != dtype
    ]


def _ends(contents: Contents, dtype: str) -> list[str]:
    ends = [("input", t) for t in contents.inputs] + [("output", t) for t in contents.outputs]
    return [f"the {end} {t.name!r} is {t.dtype}" for end, t in ends if t.dtype != dtype]


_CHECKS = {"float32": _float32, "float16": _float16, "dynamic_int8": _dynamic, "int8": _int8}
