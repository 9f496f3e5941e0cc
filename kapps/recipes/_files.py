"""A model by name or file, and what `kapps info` says of a file: .keras, run, .tflite, bundle."""

import json
from pathlib import Path

from kapps.errors import MissingFileError


def model(name: str, size: int | None = None):
    """The Keras model of an application, which needs no weights to be looked at, or of a file.

    Args:
        name: an application, a run folder or a .keras file.
        size: height and width in pixels of an application; None for its own.

    Raises:
        ValueError, KappsError: there is no such application or file, or it is no Keras model.
    """
    if not is_file(name):
        from kapps import applications

        app = applications.get(name)
        return app(weights=None, **({} if size is None else {"input_shape": _shape(app, size)}))
    found = facts(Path(name).expanduser())
    if "model" not in found:
        raise ValueError(
            f"{name} has operators and no layers; give a .keras file, a run or an application."
        )
    return found["model"]


def _shape(app, size: int) -> tuple[int, int, int]:
    import keras

    last = keras.config.image_data_format() == "channels_last"
    return (size, size, app.channels) if last else (app.channels, size, size)


def facts(path: Path) -> dict:
    """What is known of a model file without running it; JSON-able.

    Returns:
        {"name", "kind", "bytes", "params", "spec", "labels"} of a Keras model, which is under
        "model"; {"name", "kind", "bytes", "macs", "inputs", "outputs", "operators", "delegates",
        "spec", "labels"} of a .tflite file.

    Raises:
        KappsError: the file is no model.
    """
    file = path / "model.tflite" if (path / "model.tflite").is_file() else path
    return _tflite(file) if file.suffix == ".tflite" else _keras(path)


def _tflite(file: Path) -> dict:
    from kapps.errors import ExportError
    from kapps.export import delegates, flatbuffer

    content = file.read_bytes()
    if content[4:8] != b"TFL3":
        raise ExportError(f"{file} is no .tflite file: its first bytes are {content[:8]!r}.")
    contents = flatbuffer.parse(content)
    tensors = {"inputs": contents.inputs, "outputs": contents.outputs}
    return {
        "name": str(file),
        "kind": "tflite",
        "bytes": contents.bytes,
        "macs": contents.macs(),
        **{
            name: [{"name": t.name, "shape": list(t.shape), "dtype": t.dtype} for t in found]
            for name, found in tensors.items()
        },
        "operators": contents.counts(),
        "delegates": delegates.report(contents),
        **_beside(file.parent),
    }


def _keras(path: Path) -> dict:
    from kapps.models import sources

    found = sources.resolve(path)
    file = found.file or path
    return {
        "name": str(path),
        "kind": "keras",
        "bytes": file.stat().st_size,
        "params": found.model.count_params(),
        "spec": found.spec,
        "labels": found.labels,
        "model": found.model,
    }


def _beside(folder: Path) -> dict:
    """The spec and the labels of a bundle."""
    spec, labels = folder / "spec.json", folder / "labels.txt"
    return {
        "spec": json.loads(spec.read_text("utf-8")) if spec.is_file() else {},
        "labels": labels.read_text("utf-8").splitlines() if labels.is_file() else None,
    }


def is_file(name: str) -> bool:
    """Whether a name means a path.

    Raises:
        MissingFileError: it looks like a path and nothing is there.
    """
    from kapps.applications import named

    if named.is_path(name):
        path = Path(name)
        if path.is_dir() and not any((path / f).exists() for f in ("spec.json", "settings.yaml")):
            raise MissingFileError(
                f"{name} is a folder without a model; give a run folder, a bundle or a file."
            )
        return True
    return False
