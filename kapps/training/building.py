"""From the name or the file of a model to the network that a job trains."""

from pathlib import Path

import keras
import yaml

import kapps.layers
from kapps import applications
from kapps.data.transforms import Transform
from kapps.errors import MissingFileError, SettingsError
from kapps.training import runs


def arguments_of(words: tuple[str, ...]) -> dict:
    """The keyword arguments in words such as "alpha=0.5"; values are read as YAML.

    Raises:
        SettingsError: a word without "=".
    """
    result = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise SettingsError(f"arguments={word!r} is not name=value, such as alpha=0.5.")
        result[name] = yaml.safe_load(value)
    return result


def application(name: str):
    """The application that `name` means here or, as in timm/mobilenetv2_100, elsewhere."""
    return applications.find_application(name) if "/" in name else applications.get(name)


def new(app, size: int, classes: int, arguments: tuple[str, ...]):
    """An application with random weights, for square images of `size` pixels.

    Raises:
        ValueError: the application does not take these arguments.
    """
    shape = (size, size, app.spec.channels)
    if keras.config.image_data_format() == "channels_first":
        shape = (shape[2], size, size)
    return app(
        **{"weights": None, "input_shape": shape, "classes": classes}, **arguments_of(arguments)
    )


def is_file(name: str) -> bool:
    """Whether a model setting means a path: a run folder or a file, not an application.

    Raises:
        MissingFileError: it looks like a path and nothing is there.
    """
    path = Path(name)
    if path.exists():
        return True
    if path.suffix in (".keras", ".tflite", ".h5") or name.startswith((".", "/", "~")):
        raise MissingFileError(f"there is no model file {name}; check the path.")
    return False


def read_model(path: str | Path):
    """The Keras model of a `.keras` file or of a run folder (its best).

    Returns:
        (model, spec or {}): the spec of the run where it is one, else what the model carries.
    """
    path = Path(path)
    if path.is_dir():
        run = runs.Run.open(path)
        return run.load_model(), run.spec
    model = keras.saving.load_model(path)
    try:
        return model, kapps.layers.spec_of(model)
    except ValueError:
        return model, {}


def describe(spec: dict, transform: Transform, classes: int) -> dict:
    """The input contract of a trained model: what it carries, and how its pictures were cut."""
    return {
        **spec,
        "size": transform.size[0],
        "crop_pct": transform.crop_pct,
        "interpolation": transform.interpolation,
        "crop_mode": transform.crop_mode,
        "channels": transform.channels,
        "classes": classes,
        "backend": keras.config.backend(),
    }
