"""dynamic_int8: every weight of a float .tflite file as int8, one scale an output channel.

The converter's own mode leaves weights under 1024 numbers in float32, unasked, and gives depthwise
convolutions integer kernels that XNNPACK does not have: MobileNetV2 at 224 then takes 1.6 times as
long as in float32. Here every weight becomes int8. Convolutions and products compute in integers
from activations quantised on the fly; depthwise, grouped and transposed convolutions, which have
few weights, get theirs unpacked once when the model is loaded.
"""

import numpy as np

from kapps.export.flatbuffer import decoded, schema
from kapps.export.package import pack

# What runtimes call these forms of the operators, and the first TensorFlow Lite with them.
VERSIONS = {
    "CONV_2D": (5, "2.4.0"),
    "FULLY_CONNECTED": (12, "2.17.0"),
    "DEQUANTIZE": (5, "2.7.0"),
}
# Operators with constant weights, and the axis of their output channels.
AXES = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0}


def quantize_weights(content: bytes) -> bytes:
    """The same model with int8 weights.

    Args:
        content: a float32 .tflite file of one graph.
    """
    fb = schema()
    model = fb.ModelT.InitFromObj(fb.Model.GetRootAs(content, 0))
    edit = _Edit(fb, model)
    for op in list(model.subgraphs[0].operators):
        edit.operator(op)
    edit.finish()
    return pack(model, len(content))


class _Edit:
    """One pass over the operators of a model."""

    def __init__(self, fb, model):
        self.fb, self.model, self.graph = fb, model, model.subgraphs[0]
        names = {v: k for k, v in vars(fb.BuiltinOperator).items() if not k.startswith("_")}
        self.kinds = [
            names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
        ]
        self.unpacked: dict[int, int] = {}  # weight tensor -> its float32 copy
        self.unpacking: list = []  # DEQUANTIZE operators, which run first
        self.needs = "0.0.0"

    def operator(self, op) -> None:
        """Quantise the weight of one operator, if it has one."""
        kind = self.kinds[op.opcodeIndex]
        if kind not in AXES:
            return
        index = int(op.inputs[1])
        weight = self.graph.tensors[index]
        data = self.model.buffers[weight.buffer].data
        if data is None or not len(data):  # a product of two activations
            return
        if weight.type == self.fb.TensorType.FLOAT32:
            self._quantize(weight, AXES[kind])
        channels = self.graph.tensors[int(op.inputs[0])].shape[-1]
        grouped = kind == "CONV_2D" and weight.shape[3] != channels
        if kind in ("DEPTHWISE_CONV_2D", "TRANSPOSE_CONV") or grouped:
            op.inputs = np.array([op.inputs[0], self._unpack(index), *op.inputs[2:]], "int32")
        else:
            op.opcodeIndex = self._code(kind)
            if kind == "FULLY_CONNECTED":
                op.builtinOptions.asymmetricQuantizeInputs = True

    def finish(self) -> None:
        """Put the new operators in front, drop the old weights, raise the minimum runtime."""
        self.graph.operators = self.unpacking + self.graph.operators
        used = {tensor.buffer for graph in self.model.subgraphs for tensor in graph.tensors}
        used |= {entry.buffer for entry in self.model.metadata or []}
        for i, buffer in enumerate(self.model.buffers):
            if i not in used:
                buffer.data = None
        for entry in self.model.metadata or []:
            if entry.name in (b"min_runtime_version", "min_runtime_version"):
                buffer = self.model.buffers[entry.buffer]
                old = bytes(buffer.data).rstrip(b"\0").decode()
                newer = max(old, self.needs, key=lambda text: [int(n) for n in text.split(".")])
                buffer.data = np.frombuffer(newer.encode().ljust(16, b"\0"), np.uint8)

    def _quantize(self, tensor, axis: int) -> None:
        """Replace the numbers of a weight: symmetric int8, one scale a channel."""
        buffer = self.model.buffers[tensor.buffer]
        shape = [int(n) for n in tensor.shape]
        values = np.frombuffer(bytes(buffer.data), "<f4").reshape(shape)
        others = tuple(i for i in range(len(shape)) if i != axis)
        largest = np.abs(values).max(axis=others)
        scales = np.where(largest > 0, largest / 127, 1.0).astype("float32")
        wide = scales.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        # A buffer of its own: the old one may be shared with a tensor that stays as it is.
        fresh = self.fb.BufferT()
        rounded = np.clip(np.rint(values / wide), -127, 127).astype("int8")
        fresh.data = np.frombuffer(rounded.tobytes(), np.uint8)
        tensor.buffer = len(self.model.buffers)
        self.model.buffers.append(fresh)
        tensor.type = self.fb.TensorType.INT8
        tensor.quantization = self.fb.QuantizationParametersT()
        tensor.quantization.scale = scales
        tensor.quantization.zeroPoint = np.zeros(len(scales), "int64")
        tensor.quantization.quantizedDimension = axis

    def _unpack(self, index: int) -> int:
        """The tensor in which a weight is unpacked to float32."""
        if index not in self.unpacked:
            weight, unpacked = self.graph.tensors[index], self.fb.TensorT()
            unpacked.name = decoded(weight.name) + "_unpacked"
            unpacked.shape, unpacked.type = weight.shape, self.fb.TensorType.FLOAT32
            unpacked.buffer = 0  # by convention the empty one
            op = self.fb.OperatorT()
            op.opcodeIndex = self._code("DEQUANTIZE")
            op.inputs = np.array([index], "int32")
            op.outputs = np.array([len(self.graph.tensors)], "int32")
            self.unpacked[index] = len(self.graph.tensors)
            self.graph.tensors.append(unpacked)
            self.unpacking.append(op)
        return self.unpacked[index]

    def _code(self, kind: str) -> int:
        """The index of an operator in its integer form."""
        version, since = VERSIONS[kind]
        self.needs = max(self.needs, since, key=lambda text: [int(n) for n in text.split(".")])
        for i, code in enumerate(self.model.operatorCodes):
            if self.kinds[i] == kind and code.version == version:
                return i
        code = self.fb.OperatorCodeT()
        code.builtinCode = getattr(self.fb.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        self.model.operatorCodes.append(code)
        self.kinds.append(kind)
        return len(self.kinds) - 1
