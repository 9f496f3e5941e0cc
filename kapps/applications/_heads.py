"""Another head on a model that exists."""

import keras

from kapps.applications import _registry
from kapps.applications._graph import classifier
from kapps.layers import Blocks, Network, Normalize, spec_of
from kapps.weights.port import CLASSIFIER


def replace_head(
    model: keras.Model,
    classes: int,
    classifier_activation: str | None = "softmax",
    dropout: float | None = None,
) -> keras.Model:
    """The same network with a new classifier, as one flat functional model that shares its weights.

    Args:
        model: a functional model whose last layer is `predictions`, or which ends in features of
            shape (batch, n) or (batch, height, width, n); or a detector or segmenter of kapps, of
            which those layers are new whose number of outputs depends on the classes. It does not
            share the weights but has a copy of them.
        classes: outputs of the new classifier, at least 1.
        classifier_activation: of the new classifier; None for logits.
        dropout: rate before the new classifier; None keeps what the model had.

    Returns:
        A functional model; only `predictions` is new.

    Raises:
        ValueError: the model is not functional, or does not end in features.
    """
    if classes < 1:
        raise ValueError(f"classes={classes!r}: expected a whole number of at least 1")
    if (app := dense_of(model)) is not None:
        return rebuilt(app, model, classes)
    if not hasattr(model, "operations") or len(model.outputs) != 1:
        raise ValueError(
            f"model {model.name!r} is not a functional model with one output; build it with "
            "keras.Model(inputs, outputs) or a kapps application"
        )
    nn = Blocks(data_format=keras.config.image_data_format())
    names = [layer.name for layer in model.layers]
    x = model.get_layer(CLASSIFIER).input if CLASSIFIER in names else model.output
    if dropout is not None and x._keras_history.operation.name == "head_dropout":
        x = x._keras_history.operation.input
    if len(x.shape) == 4:
        x = nn.global_avg_pool(x, name="avg_pool")
    if len(x.shape) != 2:
        raise ValueError(
            f"model {model.name!r} ends in shape {x.shape}; expected features (batch, n) or "
            "(batch, height, width, n): pass the part of the model that ends in them"
        )
    x = classifier(nn, x, classes, classifier_activation, dropout or 0.0)
    return Network(model.inputs, x, name=model.name)


def dense_of(model: keras.Model):
    """The detector or segmenter that a model is, or None."""
    from kapps.applications._dense import DenseApplication

    if not hasattr(model, "layers"):
        return None
    try:
        spec = spec_of(model)
        app = _registry.get(spec["application"])
    except (ValueError, KeyError):  # built elsewhere
        return None
    return app if isinstance(app, DenseApplication) else None


def rebuilt(app, model: keras.Model, classes: int) -> keras.Model:
    """The same network for other classes, with the weights of all layers that still fit."""
    spec = spec_of(model)
    result = app(
        weights=None,
        classes=classes,
        input_shape=tuple(model.input_shape[1:]),
        flavor=spec["flavor"],
        name=model.name,
        **{name: value for name, value in spec["arguments"].items() if name != "size"},
    )
    known = {layer.name: layer for layer in model.layers}
    for layer in result.layers:
        before = known.get(layer.name)
        shapes = [weight.shape for weight in layer.weights]
        if before is not None and shapes == [weight.shape for weight in before.weights]:
            layer.set_weights(before.get_weights())
    if len(spec.get("labels", ())) == classes:  # of a vocabulary, which came along
        normalization = next(x for x in result.layers if isinstance(x, Normalize))
        normalization.spec = {**normalization.spec, "labels": spec["labels"]}
    return result
