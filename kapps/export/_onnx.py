"""ONNX, written in the child process by tf2onnx."""

from kapps.errors import MissingPackageError

OPSET = 18


def write(model, shape: tuple[int | None, ...], out: str) -> dict:
    """Write an ONNX file; the batch stays free, height and width are fixed.

    Raises:
        MissingPackageError: tf2onnx is not installed.
    """
    import tensorflow as tf

    try:
        import tf2onnx
    except ImportError as error:
        raise MissingPackageError(
            "writing ONNX needs tf2onnx, which is not installed; `pip install 'kapps[onnx]'`."
        ) from error

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, *shape[1:]), tf.float32, "image")]
    )
    def call(image):
        return model(image, training=False)

    tf2onnx.convert.from_function(call, call.input_signature, opset=OPSET, output_path=out)
    return {}
