"""What `kapps info` says of a file: a Keras model, a run folder, a .tflite file, a bundle."""

import json
from pathlib import Path

from kapps.errors import MissingFileError


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
    from kapps.export import source as sources

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
    from kapps.applications import _named

    if _named.is_path(name):
        path = Path(name)
        if path.is_dir() and not any((path / f).exists() for f in ("spec.json", "settings.yaml")):
            raise MissingFileError(
                f"{name} is a folder without a model; give a run folder, a bundle or a file."
            )
        return True
    return False
