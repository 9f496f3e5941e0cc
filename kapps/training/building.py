"""From the name or the file of a model to the network that a job trains."""

import dataclasses
import functools
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

import kapps
import kapps.layers
from kapps import runs
from kapps.applications import named, open_vocabulary
from kapps.data.transforms import Transform
from kapps.errors import SettingsError
from kapps.inspect import channels_first
from kapps.tasks import Task
from kapps.training import resizing
from kapps.training.options import PRECISIONS


def new(app, size: int, classes: int, **arguments):
    """An application for square images of `size` pixels and with `classes` outputs.

    Raises:
        ValueError: the application does not take these arguments.
    """
    shape = (size, size, app.spec.channels)
    if keras.config.image_data_format() == "channels_first":
        shape = (shape[2], size, size)
    return app(input_shape=shape, classes=classes, **arguments)


def _new_with_dense(app, size: int, classes: int, activation: str | None = "softmax"):
    """The same with a Dense classifier, below which features are cached, also after maps."""
    model = new(app, size, classes, classifier_activation=activation)
    if isinstance(model.layers[-1], keras.layers.Dense):
        return model
    dense = kapps.replace_head(model, classes, activation)
    if hasattr(model, "load_report"):
        dense.load_report = model.load_report
    return dense


def _new_on_backbone(app, size: int, classes: int, activation: str | None = None):  # noqa: ARG001
    """A detector or segmenter with its weights, or with those of the network below it."""
    given = app.__signature__.parameters
    weights = {}
    if given["weights"].default is None and given["backbone_weights"].default is None:
        weights["backbone_weights"] = app.backbone_tag
    return new(app, size, classes, **weights)


def untrained(app, size: int, classes: int, activation: str | None):
    """An application without weights, for pictures of `size` pixels and so many outputs.

    Args:
        activation: at its end, where that is for the task to say.
    """
    more = {"classifier_activation": activation} if _ends_as_told(app) else {}
    return new(app, size, classes, weights=None, **more)


def _ends_as_told(app) -> bool:
    """Whether the task says what is at the end of an application: a classifier's activation."""
    return "classifier_activation" in app.__signature__.parameters and not named.below(app)


def completed(model, task: Task, names: Sequence[str], settings):
    """What a task makes of a new network, which looks for the classes `names` if that is open."""
    words, rate = settings.vocabulary, settings.drop_connect
    if rate:
        model = kapps.layers.drop_connections(model, rate)
    return task.complete(open_vocabulary.for_classes(model, names, words, settings.model))


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A network with weights, before it gets a classifier for other classes.

    Attributes:
        spec: the input contract, see `kapps.layers.spec_of`; {} for a model built elsewhere.
        size, channels: of its images, by default.
        build: build(size, outputs, activation) makes the keras.Model.
    """

    spec: dict
    size: int
    channels: int
    build: Callable


def pretrained(name: str, weights: str | None, arguments: tuple[str, ...]) -> Pretrained:
    """What the settings `model`, `weights` and `arguments` mean together.

    Args:
        name: an application, a `.keras` file or a run folder.
        weights: of the application; None for its own.
        arguments: of the application.

    Raises:
        KappsError, ValueError: there is no such model, or the arguments do not fit it.
    """
    values = named.arguments_of(arguments)
    if not named.is_path(name):
        app = named.bound(name, weights, values)
        named.refuse_random(app)
        build = functools.partial(_new_with_dense if _ends_as_told(app) else _new_on_backbone, app)
        return Pretrained(app.spec.to_dict(), app.spec.size, app.spec.channels, build)
    named.refuse_for_path(name, weights, values)
    model, spec = read_model(name)
    spec = {key: value for key, value in spec.items() if key != "labels"}  # of its own vocabulary
    *sides, channels = _image_shape(model)

    def build(size: int, classes: int, activation: str | None = "softmax"):
        given = model if sides[0] in (None, size) else _at_size(name, model, size)
        compute_in(given, keras.config.dtype_policy())
        return kapps.replace_head(given, classes, activation)

    return Pretrained(spec, sides[0] or spec.get("size") or 224, channels, build)


def _at_size(name: str, model, size: int):
    """The network of a run, built again for pictures of another size.

    Raises:
        SettingsError: it is no run that says which application it trained, or fits one size only.
    """
    settings = runs.Run.open(name).settings if Path(name).is_dir() else {}
    trained = settings.get("model")
    if trained is None or named.is_path(trained):
        height, width, _ = _image_shape(model)
        raise SettingsError(
            f"size={size} does not fit {name}, which takes {height}x{width} pixels; drop size, "
            "sizes, progressive and test_size, or give the run of an application."
        )
    arguments = named.arguments_of(tuple(settings.get("arguments", ())))
    app, classes = named.bound(trained, None, arguments), model.output_shape[-1]
    same = new(app, size, classes, weights=None, classifier_activation=None)
    resizing.take_over(same, model)
    return same


def compute_in(model, policy) -> None:
    """Let every layer of a model from a file compute by `policy`; its weights stay as they are.

    A file keeps the policy that the model was built with, and the setting `precision` would have
    no effect. Layers that Keras quantised keep theirs.
    """
    for layer in model._flatten_layers(include_self=False):
        if layer.dtype_policy.name in PRECISIONS:
            layer.dtype_policy = policy


def read_model(path: str | Path):
    """The Keras model of a `.keras` file or of a run folder (its best).

    Returns:
        (model, spec): the spec of the run where it is one, else what the model carries, else {}.

    Raises:
        KappsError: a folder that is no run, or a file that is no Keras model.
    """
    path = Path(path)
    if path.is_dir():
        run = runs.Run.open(path)
        return run.load_model(), run.spec
    if path.suffix != ".keras":
        raise SettingsError(f"{path} is no .keras file and no run folder; give one of them.")
    try:
        model = keras.saving.load_model(path)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"{path} cannot be read as a Keras model: {reason}") from error
    try:
        return model, kapps.layers.spec_of(model)
    except ValueError:
        return model, {}


def _image_shape(model) -> tuple[int | None, int | None, int]:
    """Height, width and channels of a model's images."""
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise SettingsError(
            f"model {model.name!r} has input {shape}; expected one batch of images."
        )
    return (shape[2], shape[3], shape[1]) if channels_first(model) else shape[1:]


def carry(model, spec: dict) -> None:
    """Let the normalisation layer of `model` carry `spec`, so that a checkpoint has it too.

    A model built elsewhere has no such layer; then only the run folder knows the spec.
    """
    for layer in model.layers:
        if isinstance(layer, kapps.layers.Normalize):
            layer.spec = {**layer.spec, **spec}


def describe(spec: dict, transform: Transform, classes: int, task: Task, name: str) -> dict:
    """The contract of a trained model: what it carries, how its pictures were cut, its task."""
    return {
        **spec,
        "task": task.becomes or name,
        "annotation": task.annotation,
        "size": transform.size[0],
        "crop_pct": transform.crop_pct,
        "interpolation": transform.interpolation,
        "crop_mode": transform.crop_mode,
        "channels": transform.channels,
        "classes": classes,
        "backend": keras.config.backend(),
    }
