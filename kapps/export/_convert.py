"""The child process of exports: load .keras files on TensorFlow and write other formats.

Started by `kapps.export.child` as `python -m kapps.export._convert` with KERAS_BACKEND=tensorflow,
so that it does not matter which backend trained the model. Each line of stdin is the path of a job;
what there is to say of it goes into the job's result file. stdout and stderr belong to TensorFlow.
"""

import gc
import json
import re
import sys
import tempfile
from pathlib import Path

from kapps.errors import ExportError, KappsError
from kapps.files import atomic_write


def main() -> None:
    """Do the jobs that stdin names, until it ends."""
    for line in sys.stdin:
        job = json.loads(Path(line.rstrip("\n")).read_text(encoding="utf-8"))
        try:
            result = convert(job)
        except KappsError as error:
            result = {"error": str(error)}
        _forget()
        with atomic_write(Path(job["result"]), "w") as file:  # its name says that it is whole
            file.write(json.dumps(result))


def _forget() -> None:
    """Let go of the last network, with what TensorFlow compiled for it."""
    import keras

    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    keras.backend.clear_session()
    gc.collect()


def convert(job: dict) -> dict:
    """Convert as the job says.

    Args:
        job: "model" (.keras path), "out" (path to write), "format", "quantize", "batch_size",
            "size" ([height, width]), "calibration" (path of a .npy with uint8 NHWC images, or
            None) and "result".

    Returns:
        Facts for the report: "rebuilt" (what was changed in the model and why) and, for LiteRT,
        "input" (how the normalisation of the image is done).
    """
    from kapps.layers import kernels

    # A file for a phone has Keras's operators, whichever kernels train fastest here.
    with kernels.reference():
        return _convert(job)


def _convert(job: dict) -> dict:
    from kapps.export import _rebuild

    model = _rebuild.load(job["model"])
    model, notes = _rebuild.prepare(model)
    shape = _rebuild.input_shape(model, job["size"], job["batch_size"])
    if job["format"] == "saved_model":
        return {"rebuilt": notes, **_saved_model(model, shape, job["out"])}
    if job["format"] == "onnx":
        from kapps.export import _onnx

        return {"rebuilt": notes, **_onnx.write(model, shape, job["out"])}
    return {"rebuilt": notes, **_litert(model, shape, job)}


def _saved_model(model, shape: tuple[int | None, ...], out: str) -> dict:
    """Write a SavedModel with one signature; the batch stays free, height and width are fixed."""
    save(model, (None, *shape[1:]), out, names_of(model))
    return {}


def names_of(model) -> list[str] | None:
    """The names of a model's outputs in their order; None for one without a name."""
    output = getattr(model, "output", None)  # which a keras.Sequential from a file lacks
    if not isinstance(output, dict):
        return None
    known = {id(tensor): name for name, tensor in output.items()}
    return [known[id(tensor)] for tensor in model.outputs]


def save(model, shape: tuple[int | None, ...], out: str, names: list[str] | None = None) -> None:
    """Write a SavedModel that holds each weight once.

    `model.export` would write every weight twice (as `variables` and as `_all_variables`). The
    name of the endpoint, "serve", is the one of Keras, which `keras.layers.TFSMLayer` looks for.

    Args:
        model: what is written.
        shape: of its input.
        out: folder.
        names: of its outputs in their order, where it has several.
    """
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    image = tf.TensorSpec(shape, tf.float32, name="image")

    def serve(image):
        said = model(image, training=False)
        if names is None or isinstance(said, dict):
            return said
        return dict(zip(names, said, strict=True))

    module.serve = tf.function(serve, input_signature=[image], autograph=False)
    tf.saved_model.save(module, out, signatures={"serving_default": module.serve})


def _litert(model, shape: tuple[int, ...], job: dict) -> dict:
    """Write a .tflite file with static shapes and builtin operators only."""
    import tensorflow as tf

    from kapps.export import _normalization, dynamic

    whole = job["quantize"] == "int8"
    names = names_of(model)
    model, scaling = _normalization.fold_normalization(model, job["quantize"])
    with tempfile.TemporaryDirectory(prefix="kapps-") as folder:
        # By way of a SavedModel: from a function with the weights as constants, the converter
        # makes 20 copies of them, 19 GB for ConvNeXtXLarge.
        save(model, shape, folder, names)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if job["quantize"] == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        elif whole:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: calibration(job, scaling)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.uint8
        try:
            content = converter.convert()
        except Exception as error:  # the converter raises many types, all with an MLIR dump
            raise ExportError(_reason(error)) from error
    if job["quantize"] == "dynamic_int8":
        content = dynamic.quantize_weights(content)
    Path(job["out"]).write_bytes(content)
    return {"input": scaling.to_dict()}


def calibration(job: dict, scaling):
    """Yield batches of what the converted graph takes, from images in 0..255.

    The very first pixels are set to 0 and 255, so that the range which the converter observes is
    exactly the range of a uint8 pixel and its input scale and zero point come out exact.
    """
    import numpy as np

    images = np.load(job["calibration"])
    images[0, 0, 0], images[0, -1, -1] = 0, 255
    size = job["batch_size"]
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        if len(batch) < size:
            batch = np.resize(batch, (size, *batch.shape[1:]))
        yield [scaling.apply(batch.astype("float32"))]


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


if __name__ == "__main__":
    main()
