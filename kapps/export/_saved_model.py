"""SavedModels, written in the child process."""


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
