"""Read what is inside a .tflite file: operators, their versions, tensor types, multiply-adds."""

import dataclasses
import re
from collections import Counter

import numpy as np

from kapps.errors import MissingPackageError

# Operators whose second input is a weight that every quantised mode must have quantised.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")

_WORK = ("convolution", "depthwise", "MatMul")
_WRAPPER = re.compile(r"(?<![^;])(?:functional(?:_\d+)+/)+")


@dataclasses.dataclass(frozen=True)
class TensorFacts:
    """One tensor of the file."""

    index: int
    name: str
    shape: tuple[int, ...]
    dynamic: bool
    dtype: str
    constant: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Window:
    """How an operator slides over a map, along height and width; padding is "same" or "valid"."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: str


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        name, version: of its kind.
        inputs, outputs: tensors; None where an optional input is missing.
        window: of a convolution or a pool.
        before: of a padding, how many rows and columns come before the first.
    """

    name: str
    version: int
    inputs: tuple[TensorFacts | None, ...]
    outputs: tuple[TensorFacts, ...]
    window: Window | None = None
    before: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """The operator and the layer that it computes, for messages."""
        return f"{self.name} ({layer_name(self.outputs[0].name)})"

    @property
    def macs(self) -> int:
        """Multiply-adds; 0 for what is neither a convolution nor a product."""
        return _macs(self)


@dataclasses.dataclass(frozen=True)
class Contents:
    """A .tflite file, read.

    Attributes:
        operators: in execution order.
        inputs, outputs: of the model.
        min_runtime: the oldest TensorFlow Lite version with all these operators, or "".
        bytes: size of the file.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    min_runtime: str
    bytes: int

    def counts(self) -> dict[str, dict[str, int]]:
        """{"CONV_2D": {"version": 3, "count": 35}, ...} by name, with the highest version."""
        counts = Counter(op.name for op in self.operators)
        versions: dict[str, int] = {}
        for op in self.operators:
            versions[op.name] = max(op.version, versions.get(op.name, 0))
        return {name: {"version": versions[name], "count": counts[name]} for name in sorted(counts)}

    def macs(self) -> int:
        """Multiply-adds of one inference in convolutions and matrix products."""
        return sum(op.macs for op in self.operators)


def schema():
    """The generated module for the .tflite schema."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        try:
            from tensorflow.lite.python import schema_py_generated
        except ImportError:
            raise MissingPackageError(
                "reading .tflite files needs ai-edge-litert or tensorflow;"
                " `pip install 'kapps[litert]'`."
            ) from None
    return schema_py_generated


def parse(content: bytes) -> Contents:
    """Read a .tflite file; the weights themselves are not copied."""
    fb = schema()
    model = fb.Model.GetRootAs(content, 0)
    types = {v: k.lower() for k, v in vars(fb.TensorType).items() if not k.startswith("_")}
    names = {v: k for k, v in vars(fb.BuiltinOperator).items() if not k.startswith("_")}
    graph = model.Subgraphs(0)
    tensors = [_tensor(model, graph, i, types) for i in range(graph.TensorsLength())]

    def pick(indices) -> tuple:
        return tuple(tensors[i] if i >= 0 else None for i in indices)

    operators = []
    for i in range(graph.OperatorsLength()):
        op = graph.Operators(i)
        code = model.OperatorCodes(op.OpcodeIndex())
        # Codes above 126 do not fit the older one-byte field; readers take the larger of the two.
        name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if name == "CUSTOM":
            name = f"CUSTOM:{(code.CustomCode() or b'?').decode()}"
        inputs, outputs = pick(op.InputsAsNumpy()), pick(op.OutputsAsNumpy())
        window, before = _window(fb, op, name, inputs), _before(model, graph, name, inputs)
        operators.append(Operator(name, code.Version(), inputs, outputs, window, before))
    return Contents(
        tuple(operators),
        pick(graph.InputsAsNumpy()),
        pick(graph.OutputsAsNumpy()),
        metadata(model, "min_runtime_version").rstrip(b"\0").decode(),
        len(content),
    )


def metadata(model, name: str) -> bytes:
    """The buffer of one metadata entry of a `Model`, empty if there is none."""
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == name.encode():
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    return b""


def decoded(name: bytes | str) -> str:
    """A name of the schema's objects: bytes where it was read from a file."""
    return name.decode() if isinstance(name, bytes) else name


def layer_name(name: str) -> str:
    """The Keras layer behind a tensor name, which lists all layers fused into an operator.

    "re_lu_1/Relu6;batch_norm_1/batchnorm/add_1;stem_conv_1/convolution;..." is "stem_conv": of
    several layers the one that does the work; "_1" is what tracing appends.
    """
    parts = [part.split("/") for part in plain_name(name).split(";") if part]
    if not parts:
        return name
    work = [p for p in parts if len(p) > 1 and p[-1].rstrip("0123456789") in _WORK]
    chosen = (work or parts)[0]
    if len(chosen) == 1:
        return chosen[0]
    layer = chosen[-2] if chosen[-2] != "batchnorm" or len(chosen) == 2 else chosen[-3]
    return re.sub(r"_\d+$", "", layer)


def plain_name(name: str) -> str:
    """A tensor name without the models that were only wrapped around for conversion."""
    return _WRAPPER.sub("", name)


def _tensor(model, graph, index: int, types: dict) -> TensorFacts:
    tensor = graph.Tensors(index)
    quantization = tensor.Quantization()
    scales, zeros = (), ()
    if quantization is not None and quantization.ScaleLength():
        scales = tuple(float(v) for v in quantization.ScaleAsNumpy())
        zeros = tuple(int(v) for v in np.atleast_1d(quantization.ZeroPointAsNumpy()))
    signature = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else ()
    buffer = model.Buffers(tensor.Buffer())
    return TensorFacts(
        index,
        (tensor.Name() or b"").decode("utf-8", "replace"),
        tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else (),
        any(n < 0 for n in signature),
        types[tensor.Type()],
        bool(buffer.DataLength() or buffer.Size()),
        scales,
        zeros,
    )


def _window(fb, op, name: str, inputs: tuple) -> Window | None:
    kinds = {
        "CONV_2D": fb.Conv2DOptions,
        "DEPTHWISE_CONV_2D": fb.DepthwiseConv2DOptions,
        "TRANSPOSE_CONV": fb.TransposeConvOptions,
        "AVERAGE_POOL_2D": fb.Pool2DOptions,
        "MAX_POOL_2D": fb.Pool2DOptions,
    }
    if name not in kinds:
        return None
    options, table = kinds[name](), op.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    dilation, kernel = (1, 1), inputs[1].shape[1:3] if len(inputs) > 1 else ()
    if hasattr(options, "DilationHFactor"):
        dilation = options.DilationHFactor(), options.DilationWFactor()
    if not kernel:
        kernel = options.FilterHeight(), options.FilterWidth()
    padding = "same" if options.Padding() == fb.Padding.SAME else "valid"
    return Window(tuple(kernel), (options.StrideH(), options.StrideW()), dilation, padding)


def _before(model, graph, name: str, inputs: tuple) -> tuple[int, int] | None:
    if name not in ("PAD", "PADV2", "MIRROR_PAD") or not inputs[1].constant:
        return None
    amounts = model.Buffers(graph.Tensors(inputs[1].index).Buffer()).DataAsNumpy()
    rows = amounts.view(inputs[1].dtype).reshape(-1, 2)
    return (int(rows[1, 0]), int(rows[2, 0])) if len(rows) == 4 else None


def _macs(op: Operator) -> int:
    out = int(np.prod(op.outputs[0].shape, dtype=np.int64))
    if op.name in ("CONV_2D", "FULLY_CONNECTED"):  # (out, height, width, in) and (out, in)
        return out * int(np.prod(op.inputs[1].shape[1:], dtype=np.int64))
    if op.name == "DEPTHWISE_CONV_2D":  # (1, height, width, channels)
        return out * int(np.prod(op.inputs[1].shape[1:3], dtype=np.int64))
    if op.name == "TRANSPOSE_CONV":  # (out, height, width, in), data in the third input
        pixels = int(np.prod(op.inputs[2].shape[:-1], dtype=np.int64))
        return pixels * int(np.prod(op.inputs[1].shape, dtype=np.int64))
    if op.name == "BATCH_MATMUL":
        return out * op.inputs[0].shape[-1]
    return 0
