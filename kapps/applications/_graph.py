"""From the arguments of an application to its functional graph."""

import inspect
import re
from typing import TYPE_CHECKING, Any

import keras

from kapps.errors import did_you_mean
from kapps.layers import (
    PREPROCESSING,
    Blocks,
    Network,
    Preprocessing,
    TokensToMap,
    dilate,
    normalize,
)
from kapps.weights import catalog
from kapps.weights.port import CLASSIFIER

if TYPE_CHECKING:
    from kapps.applications._application import Application

STAGE = re.compile(r"stage(\d+)_")


def check(app: "Application", a: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse arguments that mean nothing.

    Args:
        a: every argument. given: those that the user gave.

    Raises:
        ValueError: one sentence with the value, what was expected and the fix.
    """
    choice(a, "flavor", tuple(app.flavors), f"{app.name} exists in")
    poolings = app.tokens.poolings if app.tokens else ("avg", "max", None)
    choice(a, "pooling", poolings, "expected one of")
    if not isinstance(a["include_preprocessing"], bool):
        choice(a, "include_preprocessing", (True, False, *PREPROCESSING), "expected one of")
    if not isinstance(a["classes"], int) or a["classes"] < (app.classes > 0):
        least = "1" if app.classes else "0, which means no classifier"
        raise ValueError(f"classes={a['classes']!r}: expected a whole number of at least {least}")
    for rate in ("dropout", "drop_path"):
        if a[rate] is not None and not 0 <= a[rate] < 1:
            raise ValueError(f"{rate}={a[rate]!r}: expected a rate in [0, 1)")
    if not a["include_top"]:
        for name in ("classes", "dropout"):
            if given.get(name) is not None and given[name] != app.classes:
                raise ValueError(
                    f"{name}={given[name]!r} with include_top=False has no effect; drop one of them"
                )
        if a.get("aux"):
            raise ValueError(
                f"aux={a['aux']!r} with include_top=False has no effect; drop one of them"
            )
    if a["drop_path"] and not _takes(app.backbone, "drop_path"):
        raise ValueError(
            f"drop_path={a['drop_path']!r} has no effect: {app.name} has no stochastic depth; "
            "drop it"
        )
    check_tensor(a)


def check_tensor(a: dict[str, Any]) -> None:
    """Refuse an `input_tensor` that is no tensor of Keras."""
    if a["input_tensor"] is not None and not keras.utils.is_keras_tensor(a["input_tensor"]):
        raise ValueError(
            f"input_tensor is of type {type(a['input_tensor']).__name__}; expected a Keras tensor "
            "such as keras.Input(shape=(224, 224, 3))"
        )


def build(app: "Application", a: dict[str, Any]) -> keras.Model:
    """The functional model for checked arguments, with fresh weights."""
    data_format = keras.config.image_data_format()
    flavor = app.flavors[a["flavor"]]
    nn = Blocks(
        data_format=data_format,
        padding=flavor.padding,
        norm_epsilon=flavor.norm_epsilon,
        norm_momentum=flavor.norm_momentum,
        activation=app.activation,
        **{**app.blocks, **flavor.blocks},
    )
    x = image = _image(app, a, data_format)
    if preprocessing := preprocessing_of(app, a):
        x = normalize(x, preprocessing, data_format, _spec(app, a, preprocessing, x))

    config = {**app.config, **flavor.config, **{name: a[name] for name in app.arguments}}
    if _takes(app.backbone, "drop_path"):
        config["drop_path"] = app.drop_path if a["drop_path"] is None else a["drop_path"]
    x = app.backbone(x, nn, **taken(app.backbone, config))
    x, sides = x if isinstance(x, tuple) else (x, {})

    if a["include_top"]:
        rates = (a["dropout"], flavor.dropout, app.dropout)
        dropout = next(rate for rate in rates if rate is not None)
        if app.top is None and app.classifier is None:
            x = _pooled(app, nn, x, app.tokens.pooling if app.tokens else "avg")
        elif app.top:
            x = app.top(x, nn, **taken(app.top, {**config, "dropout": dropout}))
    elif a["pooling"]:
        x = _pooled(app, nn, x, a["pooling"])
    if app.final:
        x = app.final(x, nn)
    if a["include_top"] and a["classes"]:
        head = app.classifier or classifier
        asked = a["classes"], a["classifier_activation"]
        x = head(nn, x, *asked, dropout)
        if sides:
            others = sides.items()
            x = [x, *(classifier(nn, s, *asked, name=f"{k}_{CLASSIFIER}") for k, s in others)]

    given = a["input_tensor"]
    inputs = image if given is None else keras.utils.get_source_inputs(given)
    return Network(inputs, x, name=a["name"] or app.name.lower())


def _pooled(app, nn: Blocks, x, mode: str):
    """One vector an image: over the positions of a map, over patches, or the first token."""
    name = f"{mode}_pool"
    if len(x.shape) == 3:
        return nn.token_pool(x, mode, app.tokens.prefix, name=name)
    return (nn.global_avg_pool if mode == "avg" else nn.global_max_pool)(x, name=name)


def classifier(
    nn: Blocks, x, classes: int, activation: str | None, dropout: float = 0.0, name=CLASSIFIER
):
    """The head of every classifier: dropout and the layer `predictions`.

    The output is float32 whatever the policy: half precision is too coarse for a softmax.
    """
    x = nn.dropout(x, dropout, name="head_dropout")
    return nn.dense(x, classes, activation, dtype="float32", name=name)


def convolutional_classifier(nn: Blocks, x, classes: int, activation: str | None, dropout: float):
    """The head of networks that average what a last 1x1 convolution, `predictions`, says.

    Between them is a ReLU, so that no Dense after the average gives the same. Source: Network In
    Network (Lin et al., 2013), section 3.2.
    """
    x = nn.dropout(x, dropout, name="head_dropout")
    x = nn.act(nn.conv(x, classes, name=CLASSIFIER), "relu", name=f"{CLASSIFIER}_act")
    layers = keras.layers
    x = layers.GlobalAveragePooling2D(nn.data_format, dtype="float32", name="avg_pool")(x)
    return layers.Activation(activation, dtype="float32", name="scores")(x) if activation else x


def preprocessing_of(app: "Application", a: dict[str, Any]) -> Preprocessing | None:
    """The normalisation that these arguments ask for, or None for the bare network."""
    choice = a["include_preprocessing"]
    if choice is False:
        return None
    return PREPROCESSING[app.flavors[a["flavor"]].preprocessing if choice is True else choice]


def resizing_of(app: "Application", a: dict[str, Any]) -> dict[str, Any]:
    """How images are resized for evaluation, which no layer does: as for the weights of that tag.

    Random weights, and those of a file, have the flavor's rule.

    Returns:
        {"crop_pct", "interpolation"}, see `kapps.weights.catalog.Checkpoint`.
    """
    arguments = {name: a[name] for name in app.arguments}
    rule = (
        catalog.checkpoint_of(app.name, a["weights"], a["flavor"], arguments)
        or app.flavors[a["flavor"]]
    )
    return {"crop_pct": rule.crop_pct, "interpolation": rule.interpolation}


OUTPUT_STRIDES = (4, 8, 16, 32)


def check_output_stride(app: "Application", output_stride: int | None) -> None:
    """Refuse an output stride that means nothing.

    Raises:
        ValueError: one sentence with the value, what was expected and the fix.
    """
    if output_stride is None:
        return
    choice({"output_stride": output_stride}, "output_stride", OUTPUT_STRIDES, "expected one of")
    if app.tokens:
        raise ValueError(
            f"output_stride={output_stride!r}: {app.name} cuts the image into patches, whose "
            "stride is that of all its levels; drop it"
        )


def dilated(model: keras.Model, output_stride: int, flavor) -> keras.Model:
    """The network without strides beyond `output_stride`, with its load report."""
    if output_stride >= max(OUTPUT_STRIDES):
        return model
    found = dilate(model, output_stride, with_the_stride=flavor.dilates_strided)
    if hasattr(model, "load_report"):
        found.load_report = model.load_report
    return found


def level_layers(model: keras.Model, stages: dict[int, int]) -> dict[int, str]:
    """Pyramid level -> name of the last layer of its stage, in the order of the graph."""
    last = {}
    for layer in model.layers:
        if match := STAGE.match(layer.name):
            last[int(match[1])] = layer.name
    return {level: last[stage] for level, stage in stages.items()}


def level_map(app: "Application", model: keras.Model, level: int, tensor):
    """The map of a pyramid level: `tensor` itself, or the patches among its tokens."""
    if len(tensor.shape) == 4:
        return tensor
    data_format = keras.config.image_data_format()
    shape = model.input_shape
    sides = shape[1:3] if data_format == "channels_last" else shape[2:4]
    grid = app.tokens.grid(sides, level)
    return TokensToMap(*grid, app.tokens.prefix, data_format, name=f"level{level}")(tensor)


def _image(app, a, data_format):
    """The tensor that the network starts from: a new input, or the user's own."""
    if a["input_tensor"] is not None:
        shape = tuple(a["input_tensor"].shape[1:])
        if a["input_shape"] is not None and tuple(a["input_shape"]) != shape:
            raise ValueError(
                f"input_shape={tuple(a['input_shape'])} does not agree with the shape {shape} of "
                "input_tensor; drop input_shape"
            )
        check_shape(app, a, shape, data_format)
        return a["input_tensor"]
    if a["input_shape"] is not None:
        shape = tuple(a["input_shape"])
    else:
        side = app.size if a["include_top"] or app.tokens else None
        shape = (side, side, app.channels)
        shape = shape if data_format == "channels_last" else (shape[2], *shape[:2])
    check_shape(app, a, shape, data_format)
    return keras.Input(shape, name="image")


def check_shape(app, a, shape, data_format) -> None:
    """Refuse a shape of the input that is none, or too small."""
    order = (
        "height, width, channels" if data_format == "channels_last" else "channels, height, width"
    )
    if len(shape) != 3 or not all(side is None or isinstance(side, int) for side in shape):
        raise ValueError(f"input_shape={shape}: expected three whole numbers ({order})")
    *sides, channels = shape if data_format == "channels_last" else (*shape[1:], shape[0])
    if not channels or channels < 1:
        raise ValueError(f"input_shape={shape}: expected a known number of channels ({order})")
    if any(side is not None and side < app.min_size for side in sides):
        raise ValueError(
            f"input_shape={shape}: {app.name} needs at least {app.min_size}x{app.min_size} pixels"
        )
    if app.tokens:
        app.tokens.check_sides(app.name, sides, shape)
    if a["include_top"] and None in sides:
        raise ValueError(
            f"input_shape={shape}: include_top=True needs a static height and width; give them, or "
            "use include_top=False with pooling='avg'"
        )


def _spec(app, a, preprocessing, x) -> dict[str, Any]:
    """What the `Normalize` layer carries; see `kapps.layers.spec_of`."""
    channels = x.shape[-1 if keras.config.image_data_format() == "channels_last" else 1]
    mean, std = preprocessing.for_channels(channels)
    return {
        "application": app.name,
        "flavor": a["flavor"],
        "arguments": {name: a[name] for name in app.arguments},
        "size": app.size,
        **resizing_of(app, a),
        "mean": list(mean),
        "std": list(std),
    }


def _takes(function, name: str) -> bool:
    return name in inspect.signature(function).parameters


def taken(function, offered: dict[str, Any]) -> dict[str, Any]:
    """Of the arguments offered, those that a function takes."""
    return {name: value for name, value in offered.items() if _takes(function, name)}


def choice(a, name, choices, sentence) -> None:
    """Refuse an argument that is none of the choices."""
    if a[name] not in choices:
        known = ", ".join(map(repr, choices))
        hint = did_you_mean(str(a[name]), [c for c in choices if isinstance(c, str)])
        raise ValueError(f"{name}={a[name]!r}: {sentence} {known}{hint}")
