"""A .tflite file from a SavedModel, in the child process."""

import re
from pathlib import Path
from typing import Any

from kapps.errors import ExportError
from kapps.export import _normalization


class Graph:
    """A SavedModel with static shapes, and the .tflite files that are made from it.

    Args:
        folder: of the SavedModel; what is made of it for several modes is kept beside its files.
        shape: of the input.
        scaling: what an image goes through before it.
    """

    def __init__(
        self, folder: Path, shape: tuple[int, ...], scaling: _normalization.Scaling
    ) -> None:
        self.folder, self.shape, self.scaling = folder, shape, scaling

    def tflite(self, mode: str, calibration: str | None) -> bytes:
        """The file of builtin operators only.

        Args:
            mode: how it is quantised.
            calibration: path of a .npy with uint8 NHWC images; for int8.

        Raises:
            ExportError: the converter refused; one sentence.
        """
        import tensorflow as tf

        from kapps.export import dynamic

        if mode == "float32":
            return self._float32()
        if mode == "dynamic_int8":
            return dynamic.quantize_weights(self._float32())
        settings: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
        target = tf.lite.TargetSpec()
        if mode == "float16":
            target.supported_types = [tf.float16]
        else:
            target.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            settings["representative_dataset"] = lambda: self._batches(calibration)
            settings["inference_input_type"] = settings["inference_output_type"] = tf.uint8
        return self._converted(target_spec=target, **settings)

    def _float32(self) -> bytes:
        """What dynamic_int8 begins with is the float32 file where both fold alike."""
        file = self.folder / "float32.tflite"
        if not file.exists():
            file.write_bytes(self._converted())
        return file.read_bytes()

    def _converted(self, **settings) -> bytes:
        """The file, with attributes of the converter set."""
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_saved_model(str(self.folder))
        for name, value in settings.items():
            setattr(converter, name, value)
        try:
            return converter.convert()
        except Exception as error:  # the converter raises many types, all with an MLIR dump
            raise ExportError(_reason(error)) from error

    def _batches(self, calibration: str):
        """Yield batches of what the graph takes, from images in 0..255.

        The very first pixels are set to 0 and 255, so that the range which the converter observes
        is exactly the range of a uint8 pixel and its input scale and zero point come out exact.
        """
        import numpy as np

        images = np.load(calibration)
        images[0, 0, 0], images[0, -1, -1] = 0, 255
        size = self.shape[0]
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            if len(batch) < size:
                batch = np.resize(batch, (size, *batch.shape[1:]))
            yield [self.scaling.apply(batch.astype("float32"))]


def _reason(error: Exception) -> str:
    """One sentence from what the converter threw."""
    text = str(error)
    if "custom ops" in text.lower() or "flex" in text.lower():
        names = sorted(set(re.findall(r"\btf\.[A-Z]\w*", text)))
        return (
            f"this model needs operators that LiteRT does not have as builtins"
            f" ({', '.join(names) or 'see the log'}); replace these layers."
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if "error:" in line), lines[0] if lines else repr(error))
    return f"the LiteRT converter refused this model: {first[-300:]}"
