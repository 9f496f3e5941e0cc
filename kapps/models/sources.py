"""Find out what a user names, load it, and say all that is known of it."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kapps.applications import APPLICATIONS, facts, named
from kapps.errors import ExportError, MissingFileError
from kapps.export.source import Source, load_reason
from kapps.models import origins
from kapps.runs import Run

LIBRARIES = ("keras", "timm", "torchvision")  # whose names applications are also known by
SUFFIXES = (".keras", ".h5", ".tflite", ".onnx", ".pb", ".pth", ".safetensors")


def resolve(
    what: Any,
    *,
    labels: list[str] | None = None,
    name: str | None = None,
    weights: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    vocabulary: Sequence[str] = (),
) -> Source:
    """Find out what `what` is and load it.

    Args:
        what: a Keras model, a `kapps.runs.Run`, or the path of a run folder or .keras
            file, or the name of an application; or what this function made of one.
        labels: class names, where the model itself has none to tell.
        name: what the bundle calls it.
        weights: tag or file of the application's weights; None for its own.
        arguments: of the application, such as {"alpha": 0.5}.
        vocabulary: what an open-vocabulary detector looks for: names, or one .npz file of them.

    Raises:
        MissingFileError: no file, folder or application has that name.
        ExportError: the labels do not fit the model's outputs, or the file is no Keras model.
        SettingsError: weights or arguments are given and `what` is no application, or it does not
            take them; or a vocabulary, and its classes are fixed.
        WeightsError: the weights do not fit, or their classifier has other classes.
    """
    if not isinstance(what, str | os.PathLike) or Path(what).exists():
        named.refuse_for_path(getattr(what, "name", what), weights, arguments)
    if isinstance(what, str | os.PathLike):
        source = _from_path(what, weights, arguments)
    elif isinstance(what, Source):
        source = dataclasses.replace(what)
    elif hasattr(what, "load_model"):
        source = _from_run(what)
    elif hasattr(what, "layers") and hasattr(what, "save"):
        source = _from_model(what, what.name, "a model in memory")
    else:
        raise TypeError(
            f"{type(what).__name__} cannot be exported; give a Keras model, a run folder, a .keras"
            " file or the name of an application."
        )
    if vocabulary:
        _look_for(source, vocabulary)
    if labels is not None:
        source.labels, source.class_names = list(labels), tuple(labels)
    outputs = source.answers.count(source.model)
    if source.labels is not None and len(source.labels) != outputs:
        raise ExportError(
            f"{len(source.labels)} labels do not fit the {outputs} outputs of {source.name};"
            " give one label an output, in their order."
        )
    source.name = name or source.name
    network = source.spec.get("application")
    source.paper = facts(network)["paper"] if network in APPLICATIONS else None
    return source


def refuse_missing(name: str, expected: str) -> None:
    """Raise MissingFileError where a name that is no path cannot be that of an application."""
    library, slash, _ = name.partition("/")
    if slash and library not in LIBRARIES or Path(name).suffix in SUFFIXES:
        raise MissingFileError(f"{name} is not there; expected a {expected}.")


def _look_for(source: Source, words: Sequence[str]) -> None:
    """Give an open-vocabulary detector other things to look for, which no data is known of."""
    from kapps.applications import open_vocabulary
    from kapps.layers import spec_of

    names, encoder = open_vocabulary.of_words(source.model, words, source.name)
    source.model = open_vocabulary.set_vocabulary(source.model, names, encoder)
    source.spec = {**source.spec, **spec_of(source.model)}
    source.labels, source.class_names = names, tuple(names)
    source.file = source.data = source.val = None


def _from_path(
    what: str | os.PathLike, weights: str | None, arguments: Mapping[str, Any] | None
) -> Source:
    path = Path(what)
    if path.is_dir():
        return _from_run(Run.open(path))
    if path.is_file():
        return _from_file(path)
    text = str(what)
    refuse_missing(
        text, "run folder, a .keras file or the name of an application (see `kapps list`)"
    )
    app = named.bound(text, weights, arguments)
    said = [f"{name}={value}" for name, value in (arguments or {}).items()]
    said.append("its default weights" if weights is None else f"the weights {weights}")
    origin = f"the application {text} with {', '.join(said)}"
    source = _from_model(named.build_classifier(app), text, origin)
    source.began = origins.of_application(text, weights, arguments)
    return source


def _from_run(run) -> Source:
    path, settings = Path(run.path), run.settings
    model = _load(run.best)
    source = _from_model(model, path.name, f"the run {path}")
    source.spec = {**source.spec, **run.spec}
    source.labels, source.file = list(run.labels), run.best
    source.class_names = tuple(source.labels)
    source.began, source.training = origins.of_run(run), origins.training_of(run)
    if settings.get("data"):
        source.data = (settings["data"], settings.get("validation", 0.2))
        source.val = settings.get("val")
    return source


def _from_file(path: Path) -> Source:
    if path.suffix != ".keras":
        raise ExportError(
            f"{path} cannot be exported: expected a .keras file, a run folder or the name of an"
            f" application, not {path.suffix or 'a file without suffix'}."
        )
    source = _from_model(_load(path), path.stem, str(path))
    beside = path.parent / "labels.txt"  # of the run folder that the file lies in
    if beside.is_file():
        labels = beside.read_text(encoding="utf-8").splitlines()
        if len(labels) == source.answers.count(source.model):
            source.labels, source.class_names = labels, tuple(labels)
    source.file = path
    return source


def _load(path: Path):
    import keras

    import kapps.layers  # noqa: F401  registers what the file may hold

    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        reason = load_reason(error)
        raise ExportError(f"{path} could not be loaded as a Keras model: {reason}") from error


def _from_model(model, name: str, origin: str) -> Source:
    from kapps import _coco
    from kapps._imagenet import class_names
    from kapps.layers import spec_of

    try:
        spec = spec_of(model)
    except ValueError:  # not a kapps application: the whole picture, resized to the input
        spec = {"crop_pct": 1.0, "interpolation": "bilinear"}
    shape = getattr(model, "output_shape", None)
    imagenet = isinstance(shape, tuple) and shape[-1] == len(class_names())
    known = class_names() if imagenet else None
    labels = [label for _, label in known] if known else None
    source = Source(model, name, spec, labels, known, None, origin)
    if "labels" in spec:  # of a vocabulary
        source.labels, source.class_names = list(spec["labels"]), tuple(spec["labels"])
        return source
    trained = "backend" in spec  # by a run, whose classes are its own
    if spec.get("task") in ("detection", "segmentation") and not trained:
        source.class_names = _coco.class_names(spec["task"], source.answers.count(model))
        source.labels = list(source.class_names) if source.class_names else None
    return source
