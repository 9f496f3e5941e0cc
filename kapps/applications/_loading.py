"""From the argument `weights` to a model that holds them."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kapps.applications import _graph
from kapps.errors import MissingFileError, WeightsError
from kapps.layers import PREPROCESSING, VOCABULARY, SCells
from kapps.weights import catalog, dialects, hub, port

if TYPE_CHECKING:
    from kapps.applications._application import Application

BRANCH = re.compile(r"head_class\d*")  # layers of a detector that only its classes need
KINDS = (
    (keras.layers.DepthwiseConv2D, "depthwise"),
    (keras.layers.Conv2D, "conv"),
    (keras.layers.Dense, "dense"),
    (keras.layers.BatchNormalization, "norm"),
    (keras.layers.LayerNormalization, "norm"),
    (keras.layers.GroupNormalization, "norm"),
)


def find_checkpoint(app: "Application", a: dict[str, Any]) -> catalog.Checkpoint | Path | str:
    """What `weights=` names: a row of the catalog, a file, or an address. Nothing is fetched yet.

    Raises:
        kapps.errors.KappsError: there is no such tag or file, or it belongs to other arguments.
    """
    from kapps.weights import readers  # with h5py and its kin: only when weights are wanted

    weights = a["weights"]
    if str(weights).startswith(hub.SCHEME):
        hub.parse(weights)
        return weights
    if isinstance(weights, os.PathLike) or Path(str(weights)).suffix in readers.SUFFIXES:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise MissingFileError(
                f"weights={str(weights)!r}: there is no such file; give a file of weights, a tag "
                f"({', '.join(catalog.tags(app.name)) or 'there is none'}) or None"
            )
        return path
    arguments = {name: a[name] for name in app.arguments}
    row = catalog.find(
        app.name,
        weights,
        include_top=a["include_top"] and a["classes"] > 0,
        new_head=a["classes"] != app.classes,
        flavor=a["flavor"],
        arguments=arguments,
        input_size=_side(a),
    )
    used = _graph.preprocessing_of(app, a)
    if used not in (None, PREPROCESSING[row.preprocessing]):
        raise WeightsError(
            f"weights={weights!r} were trained with the preprocessing {row.preprocessing!r}; add "
            f"include_preprocessing={row.preprocessing!r}"
        )
    fixed = app.flavors[a["flavor"]].fixed_size
    if a["include_top"] and (app.fixed_size if fixed is None else fixed):
        _check_sides(app, a)
    if a["include_top"] and a["classes"] == row.classes:
        _check_activation(a)
    return row


def load(
    app: "Application",
    model: keras.Model,
    checkpoint: catalog.Checkpoint | Path | str,
    a: dict[str, Any],
    body: str | None = None,
) -> port.LoadReport:
    """Fetch, read, translate and assign; strict but for a head of other classes.

    Args:
        body: family of the backbone, where that is an application of its own.

    Raises:
        kapps.errors.KappsError: the file could not be fetched or read, or does not fit.
    """
    from kapps.weights import readers, sources

    row = checkpoint if isinstance(checkpoint, catalog.Checkpoint) else None
    source = f"{app.name} {row.tag}" if row else str(checkpoint)
    arrays = readers.read(sources.fetch(checkpoint))
    layers = targets_of(model)
    if row is None or row.dialect is None:
        names = {*layers, port.CLASSIFIER, *app.top_layers}
        dialect = dialects.detect(app.family, list(arrays), names, source, body)
    else:
        dialect = dialects.find(app.family, row.dialect, body)
    if dialect.check:
        used = _graph.preprocessing_of(app, a)
        dialect.check(arrays, used and (used.mean, used.std))
    arrays = dialect.translate(arrays, layers)
    return port.assign(
        model,
        arrays,
        source=source,
        new_layers=_new_layers(arrays, layers),
        head_layers=(port.CLASSIFIER, *app.top_layers),
        stems=_stems(model),
        adapters=_adapters(model),
        # Without preprocessing the network takes what the reference's own preprocessing returns.
        bgr=dialect.bgr and a["include_preprocessing"] is not False,
    )


def targets_of(model: keras.Model) -> dict[str, dialects.Target]:
    """The layers of a model that weights go to, by name."""
    targets = {}
    for layer in model.layers:
        if layer.variables:
            kind = next((kind for cls, kind in KINDS if isinstance(layer, cls)), "other")
            shapes = {
                v.path.removeprefix(f"{layer.name}/"): tuple(v.shape) for v in layer.variables
            }
            targets[layer.name] = dialects.Target(kind, shapes)
    return targets


def _adapters(model: keras.Model) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """How tables that belong to an image size come from those of another one, by variable."""
    return {
        f"{layer.name}/{variable}": getattr(layer, method)
        for layer in model.layers
        for variable, method in getattr(layer, "adapts", {}).items()
    }


def _new_layers(
    arrays: Mapping[str, np.ndarray], layers: Mapping[str, dialects.Target]
) -> list[str]:
    """Classifiers of other classes, other names to look for, and heads on the side where the file
    has none of them.

    With a classifier goes what only leads to it (`BRANCH`), where its width is another too.
    """
    no_side = not any(map(dialects.SIDE.match, arrays))

    def is_new(name, layer):
        if name == VOCABULARY:  # filled later, see `kapps.set_vocabulary`
            given = (arrays.get(f"{name}/{key}") for key in layer.shapes)
            return any(
                array is None or array.shape != shape
                for array, shape in zip(given, layer.shapes.values(), strict=True)
            )
        kernel = arrays.get(f"{name}/kernel")
        if name.endswith(port.CLASSIFIER):
            return kernel is None or kernel.shape[-1] != layer.shapes["kernel"][-1]
        return no_side and dialects.SIDE.match(name)

    new = {name for name, layer in layers.items() if is_new(name, layer)}

    def is_wider(name, layer):
        branch = BRANCH.match(name)
        if not branch or f"{branch[0]}_{port.CLASSIFIER}" not in new:
            return False
        given = [(arrays.get(f"{name}/{key}"), shape) for key, shape in layer.shapes.items()]
        return any(array is not None and array.shape != shape for array, shape in given)

    return [name for name, layer in layers.items() if name in new or is_wider(name, layer)]


def _stems(model: keras.Model) -> tuple[str, ...]:
    """The layers that see the image's channels: the first convolution, and others of its input."""
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | SCells)]
    return tuple(layer.name for layer in convs if _unpadded(layer) is _unpadded(convs[0]))


def _unpadded(layer: keras.layers.Layer):
    """The input of a layer, or of the padding before it."""
    before = layer.input._keras_history.operation
    return before.input if isinstance(before, keras.layers.ZeroPadding2D) else layer.input


def _sides(a: dict[str, Any]) -> tuple[int | None, int | None] | None:
    """Height and width of the input, or None where the user gave no shape."""
    if a["input_tensor"] is not None:
        shape = tuple(a["input_tensor"].shape[1:])
    elif a["input_shape"] is not None:
        shape = tuple(a["input_shape"])
    else:
        return None
    return shape[1:] if keras.config.image_data_format() == "channels_first" else shape[:2]


def _side(a: dict[str, Any]) -> int | None:
    """The side of a square input, by which some references chose their file."""
    sides = _sides(a)
    return sides[0] if sides and sides[0] == sides[1] else None


def _check_sides(app: "Application", a: dict[str, Any]) -> None:
    """A pretrained top that has weights for each pixel fits one size."""
    if _sides(a) not in (None, (app.size, app.size)):
        raise WeightsError(
            f"weights={a['weights']!r} of {app.name} with include_top=True need images of "
            f"{app.size}x{app.size} pixels, not {'x'.join(map(str, _sides(a)))}; use that size, or "
            "include_top=False with pooling='avg'"
        )


def _check_activation(a: dict[str, Any]) -> None:
    """A pretrained classifier was trained for a softmax over its logits."""
    if a["classifier_activation"] not in ("softmax", None):
        raise ValueError(
            f"classifier_activation={a['classifier_activation']!r} with pretrained weights; "
            "expected 'softmax', or None for logits"
        )
