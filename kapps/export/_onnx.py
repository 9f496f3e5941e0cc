"""ONNX, written in the child process by tf2onnx."""

import numpy as np

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

    tf2onnx.convert.from_function(
        call,
        call.input_signature,
        opset=OPSET,
        output_path=out,
        custom_op_handlers={"Erfc": (_erfc, [])},
    )
    return {}


def _erfc(graph, node, _name, _arguments) -> None:
    """1 - Erf(x), of which TensorFlow makes exact GELUs and for which ONNX has no operator."""
    (result,) = node.output
    known = {"shapes": [graph.get_shape(result)], "dtypes": [graph.get_dtype(result)]}
    erf = graph.make_node("Erf", node.input, **known).output[0]
    one = graph.make_const(f"{node.name}_one", np.float32(1)).output[0]
    graph.remove_node(node.name)
    graph.make_node("Sub", [one, erf], outputs=[result], name=node.name, **known)
