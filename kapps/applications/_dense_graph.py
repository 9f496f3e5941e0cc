"""From the arguments of a detector or segmenter to its functional graph."""

import re
from typing import TYPE_CHECKING, Any

import keras

from kapps.applications import _graph, _registry
from kapps.layers import PREPROCESSING, Blocks, Network, Normalize

if TYPE_CHECKING:
    from kapps.applications._application import Application
    from kapps.applications._dense import DenseApplication

EXPAND = re.compile(r"expand(\d)")


def check(app: "DenseApplication", a: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse arguments that mean nothing.

    Args:
        a: every argument. given: those that the user gave.

    Raises:
        ValueError: one sentence with the value, what was expected and the fix.
    """
    flavors = app.flavors or backbone_of(app, a).flavors
    if a["flavor"] is not None or app.flavors:
        _graph.choice(a, "flavor", tuple(flavors), f"{app.name} exists in")
    if not isinstance(a["include_preprocessing"], bool):
        _graph.choice(a, "include_preprocessing", (True, False, *PREPROCESSING), "expected one of")
    if not isinstance(a["classes"], int) or isinstance(a["classes"], bool) or a["classes"] < 1:
        raise ValueError(f"classes={a['classes']!r}: expected a whole number of at least 1")
    if app.prompts and a["classes"] != app.classes:
        raise ValueError(f"classes={a['classes']!r} has no effect on {app.name}; drop it")
    if given.get("weights") is not None and given.get("backbone_weights") is not None:
        raise ValueError(
            f"backbone_weights={a['backbone_weights']!r} have no effect beside "
            f"weights={a['weights']!r}, which hold the backbone too; drop one of them"
        )
    if a.get("size") is not None and not (isinstance(a["size"], int) and a["size"] > 0):
        raise ValueError(f"size={a['size']!r}: expected a whole number of pixels")
    if given.get("size") is not None and given.get("input_shape") is not None:
        raise ValueError(
            f"size={a['size']!r} has no effect beside input_shape={a['input_shape']}; drop one"
        )
    for name in ("filters", "regions"):
        if a.get(name) is not None and not (isinstance(a[name], int) and a[name] > 0):
            raise ValueError(f"{name}={a[name]!r}: expected a whole number of at least 1")
    _graph.check_output_stride(backbone_of(app, a), a.get("output_stride"))
    _graph.check_tensor(a)


def backbone_of(app: "DenseApplication", a: dict[str, Any]) -> "Application":
    """The application that is chosen as the backbone, as it is by itself.

    Raises:
        ValueError: there is none of that name, or it is no backbone.
    """
    name = a.get("backbone", app.backbone)
    if name is None and app.plain is not None:
        return app.plain
    body = _registry.get(name)
    if body.task != "classification" or not body.stages:
        raise ValueError(
            f"backbone={name!r} of {app.name} has no feature maps; choose a convolutional "
            "application of `kapps list --task classification`"
        )
    return body


def body_of(app: "DenseApplication") -> "Application":
    """The backbone of an application whose arguments are resolved."""
    return _registry.get(app.backbone) if app.backbone is not None else app.plain


def backbone_flavor(app: "DenseApplication", a: dict[str, Any]) -> str:
    """What the flavor of these arguments is called in the backbone."""
    return app.backbone_flavors.get(a["flavor"], a["flavor"])


def build(app: "DenseApplication", a: dict[str, Any]) -> keras.Model:
    """The functional model for checked and resolved arguments."""
    flavor = app.flavors[a["flavor"]]
    body_app = _adapted(app, a)
    data_format = keras.config.image_data_format()
    nn = Blocks(
        data_format=data_format,
        padding=flavor.padding,
        norm_epsilon=flavor.norm_epsilon,
        norm_momentum=flavor.norm_momentum,
        activation=app.activation,
        **app.blocks,
    )
    normalization = a["include_preprocessing"]
    body = body_app(
        weights=a["backbone_weights"],
        include_top=False,
        input_tensor=a["input_tensor"],
        input_shape=_shape(app, a, data_format),
        include_preprocessing=flavor.preprocessing if normalization is True else normalization,
        flavor=backbone_flavor(app, a),
        **app.backbone_arguments,
    )
    if output_stride := a.get("output_stride"):
        own = body_app.flavors[backbone_flavor(app, a)]
        body = _graph.dilated(body, output_stride, own)
    image = body.inputs[0] if a["input_tensor"] is None else a["input_tensor"]
    image_size = image.shape[1:3] if data_format == "channels_last" else image.shape[2:4]
    levels = app.levels(body_app) if callable(app.levels) else app.levels
    maps = [tap(body_app, body, level) for level in levels]
    prompts = app.prompts(tuple(image_size)) if app.prompts else {}
    offered = {
        **app.config,
        **{name: a[name] for name in app.own_arguments},
        "classes": a["classes"],
        "published": app.classes,
        "image_size": tuple(image_size),
        "image": image,
        "prompts": prompts,
    }
    outputs = app.head(maps, nn, **_graph.taken(app.head, offered))
    inputs = {"image": body.inputs[0], **prompts} if prompts else body.inputs
    model = Network(inputs, outputs, name=a["name"] or app.name.lower())
    if normalization is not False:
        _say(app, a, model, image)
    if hasattr(body, "load_report"):
        model.load_report = body.load_report
    return model


def tap(app: "Application", body: keras.Model, level: int | str):
    """A map of the backbone.

    Args:
        app, body: the backbone and its model without a head.
        level: a number is that level of the pyramid; "stem" is level 1, or the end of a stem that
            halves the image where that is no level; "last" is the last map, which an extra
            convolution may have made wider than its level; "expand5" is what the first block of
            stride 32 expands its input to, of stride 16 (MobileNetV2, section 6.2), and level 4
            where there is none; anything else is the name of a layer.

    Raises:
        ValueError: the backbone has no such level.
    """
    if level == "last":
        return body.output if len(body.output.shape) == 4 else tap(app, body, max(app.stages))
    if level == "stem":
        half = -(-body.input.shape[2] // 2)
        stem = [x for x in body.layers if x.name.startswith("stem") and x.output.shape[2] == half]
        level = 1 if 1 in app.stages or not stem else stem[-1].name
    if isinstance(level, int):
        if level not in app.stages:
            raise ValueError(
                f"{app.name} has the levels {tuple(app.stages)} and cannot be this backbone, which "
                f"needs level {level}"
            )
        name = _graph.level_layers(body, app.stages)[level]
        return _graph.level_map(app, body, level, body.get_layer(name).output)
    if match := EXPAND.fullmatch(level):
        below = tap(app, body, int(match[1]) - 1)
        block = f"stage{app.stages.get(int(match[1]) - 1, 0) + 1}_block1_"
        names = {layer.name for layer in body.layers}
        wide = next((n for n in (f"{block}expand_act", f"{block}expand_norm") if n in names), None)
        found = body.get_layer(wide).output if wide else below
        return found if found.shape[1:3] == below.shape[1:3] else below
    return body.get_layer(level).output


def _adapted(app: "DenseApplication", a: dict[str, Any]) -> "Application":
    """The backbone, changed as the head needs it."""
    body = body_of(app)
    if app.adapt is None:
        return body
    offered = {name: a[name] for name in (*app.own_arguments, "backbone_weights")}
    return app.adapt(body, **_graph.taken(app.adapt, offered))


def _shape(app: "DenseApplication", a: dict[str, Any], data_format: str):
    """The shape of a new input, static; None where there is a tensor."""
    if a["input_tensor"] is not None:
        _check_static(app, tuple(a["input_tensor"].shape[1:]))
        _graph.check_shape(app, a, tuple(a["input_tensor"].shape[1:]), data_format)
        return a["input_shape"]
    shape = a["input_shape"] or (app.size, app.size, app.channels)
    if a["input_shape"] is None and data_format == "channels_first":
        shape = (app.channels, app.size, app.size)
    _check_static(app, tuple(shape))
    _graph.check_shape(app, a, tuple(shape), data_format)
    return tuple(shape)


def _check_static(app: "DenseApplication", shape: tuple) -> None:
    if None in shape:
        raise ValueError(
            f"input_shape={shape}: {app.name} needs a static height and width, such as "
            f"({app.size}, {app.size}, {app.channels})"
        )


def _say(app: "DenseApplication", a: dict[str, Any], model: keras.Model, image) -> None:
    """Let the normalisation, which the backbone brought, carry the facts of the whole network."""
    layer = next(layer for layer in model.layers if isinstance(layer, Normalize))
    channels = image.shape[-1 if layer.data_format == "channels_last" else 1]
    mean, std = _graph.preprocessing_of(app, a).for_channels(channels)
    layer.spec = {
        "application": app.name,
        "task": app.task,
        "flavor": a["flavor"],
        "arguments": {name: a[name] for name in app.own_arguments},
        "size": app.size,
        "crop_pct": app.crop_pct,
        "interpolation": app.interpolation,
        "crop_mode": app.resize,
        "mean": list(mean),
        "std": list(std),
        **({"fill": list(app.fill)} if app.fill else {}),
        **({"annotation": app.annotation} if app.annotation else {}),
    }
