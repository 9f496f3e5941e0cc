"""The child process of exports: load .keras files on TensorFlow and write other formats.

Started by `kapps.export.child` as `python -m kapps.export._convert` with KERAS_BACKEND=tensorflow,
so that it does not matter which backend trained the model. Each line of stdin is the path of a job;
what there is to say of it goes into the job's result file. stdout and stderr belong to TensorFlow.
"""

import gc
import json
import shutil
import sys
from pathlib import Path

from kapps.errors import KappsError
from kapps.export import _litert, _normalization, _rebuild, _saved_model
from kapps.files import atomic_write


def main() -> None:
    """Do the jobs that stdin names, until it ends."""
    gc.freeze()  # what was imported stays, so no collection need look at it
    worker = Worker()
    for line in sys.stdin:
        job = json.loads(Path(line.rstrip("\n")).read_text(encoding="utf-8"))
        try:
            result = worker.convert(job)
        except KappsError as error:
            result = {"error": str(error)}
        _forget()
        with atomic_write(Path(job["result"]), "w") as file:  # its name says that it is whole
            file.write(json.dumps(result))


def _forget() -> None:
    """Let go of what TensorFlow compiled and Keras counted for the last file."""
    import keras

    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    keras.backend.clear_session(free_memory=False)
    gc.collect()


class Worker:
    """Converts one file after the other.

    Files of the same model share what is the same for them: the loaded model and, where the
    normalisation folds alike, the SavedModel. The last of each is kept.
    """

    def __init__(self) -> None:
        self._file, self._model, self._notes = None, None, []
        self._graph: _litert.Graph | None = None

    def convert(self, job: dict) -> dict:
        """Convert as the job says.

        Args:
            job: "model" (.keras path), "out" (path to write), "format", "quantize", "batch_size",
                "size" ([height, width]), "calibration" (path of a .npy with uint8 NHWC images, or
                None) and "result", in whose folder there is room for files of the worker.

        Returns:
            Facts for the report: "rebuilt" (what was changed in the model and why) and, for
            LiteRT, "input" (how the normalisation of the image is done).
        """
        from kapps.layers import kernels

        # A file for a phone has Keras's operators, whichever kernels train fastest here.
        with kernels.reference():
            self._load(job["model"])
            shape = _rebuild.input_shape(self._model, job["size"], job["batch_size"])
            return {"rebuilt": self._notes, **getattr(self, f"_{job['format']}")(shape, job)}

    def _load(self, path: str) -> None:
        """Make the model of a file, in its form for inference, the one that is converted."""
        state = Path(path).stat()
        file = (path, state.st_ino, state.st_mtime_ns)
        if file != self._file:
            self._file = self._model = self._graph = None  # first: there may be no room for two
            self._model, self._notes = _rebuild.prepare(_rebuild.load(path))
            self._file = file

    def _saved_model(self, shape: tuple[int | None, ...], job: dict) -> dict:
        """Write a SavedModel with one signature; the batch stays free, height and width do not."""
        names = _saved_model.names_of(self._model)
        _saved_model.save(self._model, (None, *shape[1:]), job["out"], names)
        return {}

    def _onnx(self, shape: tuple[int | None, ...], job: dict) -> dict:
        from kapps.export import _onnx

        return _onnx.write(self._model, shape, job["out"])

    def _litert(self, shape: tuple[int, ...], job: dict) -> dict:
        """Write a .tflite file with static shapes and builtin operators only."""
        with _normalization.folded(self._model, job["quantize"]) as (model, scaling):
            known = self._graph
            if known is None or (known.shape, known.scaling) != (shape, scaling):
                folder = Path(job["result"]).with_name("graph")
                shutil.rmtree(folder, ignore_errors=True)
                self._graph = None
                # By way of a SavedModel: from a function with the weights as constants, the
                # converter makes 20 copies of them, 19 GB for ConvNeXtXLarge.
                _saved_model.save(model, shape, str(folder), _saved_model.names_of(self._model))
                self._graph = _litert.Graph(folder, shape, scaling)
        content = self._graph.tflite(job["quantize"], job["calibration"])
        Path(job["out"]).write_bytes(content)
        return {"input": scaling.to_dict()}


if __name__ == "__main__":
    main()
