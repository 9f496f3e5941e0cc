"""Any model that names what is in a picture, with one method: a run, a file, a bundle, a name."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kapps import tasks
from kapps.applications import named
from kapps.errors import ExportError, SettingsError
from kapps.recipes import _tta
from kapps.tasks import scoring

BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model with the names of what it answers and its way to cut pictures.

    Attributes:
        name: what the user gave.
        form: "keras", "litert", "saved_model" or "onnx".
        labels: class names in output order; the numbers "0", "1", ... where nobody knows them.
        wnids: WordNet ids of the classes, or None each.
        named: whether the labels are real names.
        transform: `kapps.data.Transform` from a picture to the network's input.
        spec: the input contract that came with the model.
        outputs: images uint8 (n, height, width, channels), 0..255, to rows (n, outputs), or a
            dictionary of arrays.
        task: what its answers mean.
        kind: what its outputs are, see `kapps.tasks.Supervised.answers`.
        tta: over which views of a picture the answers are averaged, see `kapps.recipes._tta`.
        view: height and width of a view; None for the whole.
        model: the Keras model; None of an exported file.
    """

    name: str
    form: str
    labels: tuple[str, ...]
    wnids: tuple[str | None, ...]
    named: bool
    transform: object
    spec: dict
    outputs: Callable[[np.ndarray], Any]
    task: tasks.Supervised
    kind: str | None = None
    tta: str = "none"
    view: tuple[int, int] | None = None
    model: Any = None

    @property
    def class_names(self) -> tuple | None:
        """What `kapps.data.load` matches folders with: labels, or (wnid, label) pairs."""
        if not self.named:
            return None
        if all(self.wnids):
            return tuple(zip(self.wnids, self.labels, strict=True))
        return self.labels

    def predict(self, images: np.ndarray) -> Any:
        """What the model says, as its task reads it.

        Args:
            images: (n, height, width, channels), RGB in 0..255.

        Returns:
            float32 (n, outputs): of a classifier, probabilities that sum to 1; or a list of n
            answers.
        """
        images = np.asarray(images)
        seen = [images] if self.view is None else _tta.views(images, self.view, self.tta)
        answers = [self.task.answers(self.outputs(view), self.kind) for view in seen]
        return answers[0] if len(answers) == 1 else np.mean(answers, axis=0)


def load_any(
    name: str,
    batch_size: int = BATCH_SIZE,
    weights: str | None = None,
    arguments: Mapping[str, object] | None = None,
    vocabulary: Sequence[str] = (),
    **settings: object,
) -> Predictor:
    """Open a run folder, a `.keras`, `.tflite` or `.onnx` file, a bundle, a SavedModel or an
    application by its name.

    Args:
        name: path or name.
        batch_size: images that a Keras model gets at a time; fewer are padded, so that nothing is
            compiled twice.
        weights: tag or file of the application's weights; None for its own.
        arguments: of the application.
        vocabulary: what an open-vocabulary detector looks for: names, or one .npz file of them.
        settings: of the model's task, such as threshold=0.5.

    Raises:
        KappsError, ValueError: there is no such model, it cannot be read, or it does not answer
            what its task asks.
    """
    path = Path(name).expanduser()
    exported = path.suffix in (".tflite", ".onnx") or any(
        (path / file).is_file() for file in ("saved_model.pb", "report.json")
    )
    if exported:
        named.refuse_for_path(name, weights, arguments)
        if vocabulary:
            raise SettingsError(
                f"vocabulary={','.join(vocabulary)!r} has no effect on {name}, which is exported "
                "already; export the network with it."
            )
        return _exported(path, settings)
    own = {"weights": weights, "arguments": arguments, "vocabulary": vocabulary}
    return _keras(name, path, batch_size, own, settings)


def load_network(
    name: str, weights: str | None = None, arguments: Mapping[str, object] | None = None
) -> Predictor:
    """The same of a Keras network that is looked into and asked nothing, so that it needs no head:
    weights without a classifier will do, such as DINO's.

    Raises:
        KappsError, ValueError: there is no such network, or it has learnt nothing.
    """
    from kapps.layers import spec_of

    if Path(name).expanduser().exists() or named.is_path(name):
        return load_any(name, weights=weights, arguments=arguments)
    app = named.bound(name, weights, arguments)
    named.refuse_random(app, alone=True)
    model = app()
    spec = {**spec_of(model), "channels": app.spec.channels}
    predictor = _predictor(name, "keras", None, 0, spec, model.predict_on_batch)
    return dataclasses.replace(predictor, model=model)


def _keras(name: str, path: Path, batch_size: int, own: dict, settings: dict) -> Predictor:
    from kapps.models import sources

    if path.exists() or named.is_path(name):
        what = path
    else:
        what = name
        named.refuse_random(named.bound(name, own["weights"], own["arguments"]), alone=True)
    found = sources.resolve(what, **own)
    found.refuse_empty()
    height, width, channels = found.image_shape
    spec = {**found.spec, "size": (height, width), "channels": channels}
    model, first = found.model, found.channels_first
    task = tasks.of_spec(spec, **settings)
    count = task.count(model)
    if count is None:
        raise ExportError(
            f"{name} has no head for {task.head}: its output is {model.output_shape}."
        )

    def outputs(images: np.ndarray) -> Any:
        rows = []
        size = min(batch_size, len(images))
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            padded = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
            padded = np.moveaxis(padded, -1, 1) if first else padded
            rows.append(scoring.first(model.predict_on_batch(padded), len(batch)))
        return scoring.joined(rows)

    kind = task.kind_of(model)
    predictor = _predictor(name, "keras", found.labels, count, spec, outputs, kind, task)
    return dataclasses.replace(predictor, model=model)


def _exported(path: Path, settings: dict) -> Predictor:
    from kapps.export import runners

    folder = path if path.is_dir() else path.parent
    spec, labels = _read_json(folder / "spec.json"), folder / "labels.txt"
    runner = runners.open_model(path)
    if "resize" in spec:
        spec = {**spec, **spec["resize"], "channels": spec["input"]["shape"][-1]}
    elif "size" not in spec:
        shape = runner.input.shape if hasattr(runner, "input") else runner.input_shape
        if None in shape[1:]:
            raise ExportError(f"{path} does not say its input size; give a bundle of kapps export.")
        spec = {**spec, "size": shape[1:3], "channels": shape[3], "crop_pct": 1.0}
        spec["interpolation"] = "bilinear"
    names = labels.read_text("utf-8").splitlines() if labels.is_file() else None
    form = spec.get("format") or ("litert" if path.suffix == ".tflite" else "saved_model")

    task = tasks.of_spec(spec, **settings)
    count = len(names) if names else _classes(runner, spec, task)
    kind = spec["output"].get("kind") if "output" in spec else None
    return _predictor(str(path), form, names, count, spec, runner.predict, kind, task)


def _classes(runner, spec: dict, task) -> int:
    """How many outputs a model without labels has: it is asked."""
    size = spec["size"]
    height, width = (size, size) if isinstance(size, int) else size
    said = runner.predict(np.zeros((1, height, width, spec.get("channels", 3)), "uint8"))
    if isinstance(said, dict):
        return task.outputs({key: value.shape for key, value in said.items()})
    return said.shape[-1]


def _predictor(
    name: str,
    form: str,
    labels: list[str] | None,
    classes: int,
    spec: dict,
    outputs: Callable,
    kind: str | None = None,
    task: tasks.Supervised | None = None,
) -> Predictor:
    from kapps._imagenet import class_names
    from kapps.data import Transform

    imagenet = dict(class_names())
    wnids: tuple = (None,) * classes
    if classes == len(imagenet) and labels in (None, list(imagenet.values())):
        wnids, labels = tuple(imagenet), list(imagenet.values())
    elif labels and all(label in imagenet for label in labels):  # folders named by wnid
        wnids, labels = tuple(labels), [imagenet[label] for label in labels]
    return Predictor(
        name=name,
        form=form,
        labels=tuple(labels or map(str, range(classes))),
        wnids=wnids,
        named=labels is not None,
        transform=Transform.from_spec(spec),
        spec=spec,
        outputs=outputs,
        task=task or tasks.of_spec(spec),
        kind=kind,
    )


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
