"""The one place that touches the LiteRT runtime: load a .tflite file and run images through it."""

import dataclasses
import statistics
import time
from pathlib import Path

import numpy as np

from kapps.errors import ExportError, MissingFileError, MissingPackageError


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One input or output of a .tflite file.

    Attributes:
        name: its name in the file.
        shape: with the batch first.
        dtype: "float32", "uint8" or "int8".
        scale, zero_point: real = (stored - zero_point) * scale; 0.0 and 0 for float tensors.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


class Runner:
    """A .tflite model on the CPU of this machine.

    Args:
        model: path of a .tflite file or of a bundle folder, or the file's bytes.
        threads: threads of one inference.
        keep_tensors: keep every intermediate tensor for `tensors()`; slower, without XNNPACK.

    Attributes:
        input, output: the `Tensor` on either side, the first where several come out.
        outputs: all that come out by their names, where there are several; else {}.

    Raises:
        MissingFileError: no such file.
        MissingPackageError: neither ai-edge-litert nor TensorFlow is installed here.
        ExportError: the file is not a .tflite model that this runtime can run.
    """

    def __init__(
        self, model: str | Path | bytes, *, threads: int = 1, keep_tensors: bool = False
    ) -> None:
        content, self.name = (model, "model") if isinstance(model, bytes) else read(model)
        if content[4:8] != b"TFL3":
            raise ExportError(f"{self.name} is not a .tflite file (its header is wrong).")
        interpreter, plain = _interpreter_class()
        options = {"experimental_preserve_all_tensors": True} if keep_tensors else {}
        self._seconds: list[float] = []
        if keep_tensors:
            options["experimental_op_resolver_type"] = plain
        try:
            self._interpreter = interpreter(model_content=content, num_threads=threads, **options)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[-300:]
            raise ExportError(f"{self.name} cannot run on this LiteRT runtime: {reason}") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or not outputs:
            raise ExportError(
                f"{self.name} has {len(inputs)} inputs and {len(outputs)} outputs; expected one"
                " image in."
            )
        self._in, self._outs = inputs[0]["index"], [one["index"] for one in outputs]
        self.input, self.output = _tensor(inputs[0]), _tensor(outputs[0])
        self.outputs = {}
        if len(outputs) > 1:
            self.outputs = {one["name"]: _tensor(one) for one in outputs}

    @property
    def batch_size(self) -> int:
        """Images of one inference."""
        return self.input.shape[0]

    @property
    def milliseconds(self) -> float | None:
        """Of this thread's processor for one image, the median so far; None before the first.

        Less than what an image takes where there are more `threads` than one.
        """
        if not self._seconds:
            return None
        return 1000 * statistics.median(self._seconds) / self.batch_size

    def stored(self, images: np.ndarray) -> np.ndarray:
        """Images in 0..255 as the input tensor stores them.

        A quantised input takes the pixels themselves: its scale and zero point say what they mean
        to the network, so nothing is computed here. An int8 input takes the pixel minus 128.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != self.input.shape[1:]:
            raise ValueError(
                f"images of shape {images.shape} do not fit {self.name}; expected"
                f" (count, {', '.join(map(str, self.input.shape[1:]))})."
            )
        if self.input.dtype == "float32":
            return images.astype("float32")
        pixels = images if images.dtype == np.uint8 else np.clip(np.rint(images), 0, 255)
        if self.input.dtype == "int8":
            return (pixels.astype("int16") - 128).astype("int8")
        return pixels.astype("uint8")

    def predict_stored(self, images: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """Outputs as the file stores them (uint8, int8 or float32), one row an image; where there
        are several, by their names.
        """
        rows = self._stored_rows(images)
        return dict(zip(self.outputs, rows, strict=True)) if self.outputs else rows[0]

    def _stored_rows(self, images: np.ndarray) -> list[np.ndarray]:
        """Each output for all images."""
        stored, size = self.stored(images), self.batch_size
        results = []
        for start in range(0, len(stored), size):
            batch = stored[start : start + size]
            count = len(batch)
            if count < size:  # the last batch is filled up with copies
                batch = np.resize(batch, (size, *batch.shape[1:]))
            self._interpreter.set_tensor(self._in, batch)
            began = time.thread_time()
            self._interpreter.invoke()
            self._seconds.append(time.thread_time() - began)
            results.append([self._interpreter.get_tensor(one)[:count] for one in self._outs])
        if not results:
            ends = self.outputs.values() or [self.output]
            return [np.empty((0, *end.shape[1:]), end.dtype) for end in ends]
        return [np.concatenate(rows) for rows in zip(*results, strict=True)]

    def predict(self, images: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        """Outputs in real numbers.

        Args:
            images: (count, height, width, channels), uint8 or float, RGB in 0..255.

        Returns:
            float32, (count, ...); where several come out, by their names.

        Raises:
            ValueError: images of another size.
        """
        rows = self._stored_rows(images)
        if not self.outputs:
            return real(rows[0], self.output)
        ends = self.outputs.items()
        return {name: real(row, end) for row, (name, end) in zip(rows, ends, strict=True)}

    def tensors(self) -> dict[str, np.ndarray]:
        """Every tensor of the last inference by name, in real numbers; needs `keep_tensors`."""
        result = {}
        for details in self._interpreter.get_tensor_details():
            tensor = _tensor(details)
            if tensor.dtype not in ("float32", "int8", "uint8") or not details["name"]:
                continue
            try:
                value = self._interpreter.get_tensor(details["index"])
            except ValueError:  # a tensor that no operator has written
                continue
            scales = details["quantization_parameters"]["scales"]
            if len(scales) <= 1:
                result[tensor.name] = real(value, tensor)
        return result

    def invoke(self) -> None:
        """One inference on what the input tensor holds; for timing."""
        self._interpreter.invoke()


def real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Stored numbers as real ones (float32)."""
    if tensor.dtype == "float32" or not tensor.scale:
        return values.astype("float32")
    return (values.astype("float32") - tensor.zero_point) * np.float32(tensor.scale)


def read(path: str | Path) -> tuple[bytes, str]:
    """The bytes and the printable name of a .tflite file or of the one in a bundle folder."""
    path = Path(path)
    file = path / "model.tflite" if path.is_dir() else path
    if not file.is_file():
        what = "has no model.tflite" if path.is_dir() else "is not there"
        raise MissingFileError(f"{path} {what}; expected a .tflite file or a bundle folder.")
    return file.read_bytes(), str(file)


def runtime() -> str:
    """Name and version of the runtime that `Runner` uses."""
    from importlib import metadata

    module = _interpreter_class()[0].__module__
    name = "ai-edge-litert" if module.startswith("ai_edge_litert") else "tensorflow"
    return f"{name} {metadata.version(name)}"


def _tensor(details: dict) -> Tensor:
    scale, zero_point = details["quantization"]
    return Tensor(
        details["name"],
        tuple(int(n) for n in details["shape"]),
        np.dtype(details["dtype"]).name,
        float(scale),
        int(zero_point),
    )


def _interpreter_class():
    """(Interpreter, resolver without XNNPACK) of whatever runtime is installed.

    ai-edge-litert has no wheel for some platforms; TensorFlow brings the same runtime there.
    """
    try:
        from ai_edge_litert import interpreter as litert

        return litert.Interpreter, litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    except ImportError as first:
        try:
            import tensorflow as tf
        except ImportError:
            import platform

            where = f"Python {platform.python_version()} on {platform.system()}"
            raise MissingPackageError(
                f"running .tflite files needs ai-edge-litert, which is not usable here ({where}:"
                f" {first}); `pip install 'kapps[litert]'`, or install tensorflow instead."
            ) from first
        resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return tf.lite.Interpreter, resolver
