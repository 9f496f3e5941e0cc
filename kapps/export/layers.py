"""Where does a quantised file lose its precision? Layer by layer against the float file."""

import dataclasses

import numpy as np

from kapps.export import flatbuffer, litert


@dataclasses.dataclass(frozen=True)
class LayerError:
    """Error of one operator's output.

    Attributes:
        layer: readable name of what the operator computes.
        operator: such as "CONV_2D".
        error: root mean square of the difference, as a share of the output's own deviation.
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
                row = np.array([np.mean((a - b) ** 2), np.mean(a), np.mean(a * a)])
                sums[name] = sums.get(name, 0) + row
    steps = -(-len(images) // size)
    errors = {}
    for name, (square, mean, power) in sums.items():
        variance = power / steps - (mean / steps) ** 2
        errors[name] = float(np.sqrt(square / steps / variance)) if variance > 1e-12 else 0.0
    result = []
    for op in flatbuffer.parse(quantised).operators:
        name = flatbuffer.plain_name(op.outputs[0].name)
        if name in errors:
            before = max(
                errors.get(flatbuffer.plain_name(t.name), 0.0) for t in op.inputs if t is not None
            )
            layer = flatbuffer.layer_name(name)
            result.append(LayerError(layer, op.name, errors[name], errors[name] - before))
    return sorted(result, key=lambda e: -e.added)[:count]
