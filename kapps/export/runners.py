"""Run any exported model with one method, `predict`: SavedModel, ONNX, .tflite or a bundle."""

import json
from pathlib import Path

import numpy as np

from kapps.errors import ExportError, MissingFileError, MissingPackageError

BATCH = 32  # images given at a time to models that take any number


class SavedModelRunner:
    """A TensorFlow SavedModel with one image input, in this process.

    Raises:
        MissingPackageError: TensorFlow is not installed.
        ExportError: the folder is not a SavedModel of one image.
    """

    def __init__(self, path: str | Path):
        try:
            import tensorflow as tf
        except ImportError as error:
            raise MissingPackageError(
                "running a SavedModel needs TensorFlow; `pip install 'kapps[tensorflow]'`."
            ) from error
        self._tf, self.name = tf, str(path)
        try:
            self._model = tf.saved_model.load(str(path))
            self._call = self._model.signatures["serving_default"]
        except (OSError, ValueError, KeyError) as error:
            raise ExportError(f"{path} is not a SavedModel that can be served.") from error
        inputs = self._call.structured_input_signature[1]
        if len(inputs) != 1:
            raise ExportError(f"{path} does not have one image in.")
        self._key, spec = next(iter(inputs.items()))
        self.input_shape = tuple(spec.shape)

    def predict(self, images: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """float32 outputs for images (count, height, width, channels) in 0..255; where there are
        several, by their names.
        """
        rows = []
        for start in range(0, len(images), BATCH):
            batch = self._tf.constant(images[start : start + BATCH], self._tf.float32)
            rows.append({k: v.numpy() for k, v in self._call(**{self._key: batch}).items()})
        return _joined(rows)


class OnnxRunner:
    """An ONNX model with one image input.

    Raises:
        MissingPackageError: onnxruntime is not installed.
        ExportError: the file cannot be run.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingPackageError(
                "running an ONNX file needs onnxruntime; `pip install 'kapps[onnx]'`."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.name = str(path)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no public base class
            reason = " ".join(str(error).split())[:300]
            raise ExportError(f"{path} cannot be run by onnxruntime: {reason}") from error
        (self._input,) = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.input_shape = tuple(n if isinstance(n, int) else None for n in self._input.shape)

    def predict(self, images: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """float32 outputs for images (count, height, width, channels) in 0..255; where there are
        several, by their names.
        """
        rows = []
        for start in range(0, len(images), BATCH):
            given = {self._input.name: images[start : start + BATCH].astype("float32")}
            rows.append(dict(zip(self._outputs, self._session.run(None, given), strict=True)))
        return _joined(rows)


def _joined(batches: list[dict[str, np.ndarray]]) -> np.ndarray | dict[str, np.ndarray]:
    """The outputs of several batches; a single one without its name."""
    rows = {k: np.concatenate([b[k] for b in batches]).astype("float32") for k in batches[0]}
    return next(iter(rows.values())) if len(rows) == 1 else rows


def open_model(path: str | Path, threads: int = 1):
    """A runner for a .tflite or .onnx file, a SavedModel folder or a bundle.

    Raises:
        MissingFileError: there is nothing at `path`.
        ExportError: it is none of these.
    """
    from kapps.export import answers, litert

    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"{path} is not there; expected a .tflite file or a bundle folder.")
    if (path / "spec.json").is_file():
        spec = json.loads((path / "spec.json").read_text(encoding="utf-8"))
        if "file" not in spec:
            raise ExportError(f"{path} is not a bundle: its spec.json names no model file.")
        return answers.of(spec).reading(open_model(path / spec["file"], threads), path, spec)
    if (path / "saved_model.pb").is_file():
        return SavedModelRunner(path)
    if path.suffix == ".onnx":
        return OnnxRunner(path, threads)
    return litert.Runner(path, threads=threads)
