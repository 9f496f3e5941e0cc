"""Where does a quantised file lose its precision? Layer by layer against the float file."""

import dataclasses

import numpy as np

from kapps.export import flatbuffer, litert

# They show what came before them: unlikely classes are all rounding error.
NOT_BLAMED = ("SOFTMAX", "QUANTIZE", "DEQUANTIZE")


@dataclasses.dataclass(frozen=True)
class LayerError:
    """Error of one operator's output.

    Attributes:
        layer: readable name of what the operator computes.
        operator: such as "CONV_2D".
        error: root mean square of the difference as a share of that of the output itself, in
            [0, 1] for each channel, averaged over the channels: one loud channel does not hide
            that the others are lost.
        added: how much of it was not yet in the operator's inputs.
    """

    layer: str
    operator: str
    error: float
    added: float

    def __str__(self) -> str:
        return f"{self.layer} ({self.operator}, error {self.error:.2f}, {self.added:+.2f})"


def worst(exact: bytes, quantised: bytes, images: np.ndarray, count: int = 5) -> list[LayerError]:
    """The layers that add the most error, worst first.

    Tensors of both files are matched by name; both come from the same graph.

    Args:
        exact: the float32 .tflite file.
        quantised: the file to blame.
        images: uint8 (count, height, width, channels).
    """
    runners = [litert.Runner(content, keep_tensors=True) for content in (exact, quantised)]
    sums: dict[str, np.ndarray] = {}
    size = runners[0].batch_size
    for start in range(0, len(images), size):
        values = []
        for runner in runners:
            runner.predict(images[start : start + size])
            tensors = runner.tensors().items()
            values.append({flatbuffer.plain_name(name): value for name, value in tensors})
        for name in values[0].keys() & values[1].keys():
            a, b = values[0][name].astype("float64"), values[1][name].astype("float64")
            if a.shape == b.shape:
                row = np.array([_by_channel((a - b) ** 2), _by_channel(a * a)])
                sums[name] = sums.get(name, 0) + row
    errors = {name: _share(*rows) for name, rows in sums.items()}
    result = []
    for op in flatbuffer.parse(quantised).operators:
        name = flatbuffer.plain_name(op.outputs[0].name)
        if name in errors and op.name not in NOT_BLAMED:
            read = [t for t in op.inputs if t is not None and not t.constant]
            before = max((errors.get(flatbuffer.plain_name(t.name), 0.0) for t in read), default=0)
            layer = flatbuffer.layer_name(name)
            result.append(LayerError(layer, op.name, errors[name], errors[name] - before))
    return sorted(result, key=lambda e: -e.added)[:count]


def _by_channel(values: np.ndarray) -> np.ndarray:
    """Mean over everything but the last axis."""
    return values.reshape(-1, values.shape[-1] if values.ndim else 1).mean(axis=0)


def _share(square: np.ndarray, power: np.ndarray) -> float:
    """The error of a tensor from its channels' squared errors and powers."""
    alive = power > 1e-12 * power.max(initial=0.0)
    if not alive.any():
        return 0.0
    return float(np.minimum(1.0, np.sqrt(square[alive] / power[alive])).mean())
