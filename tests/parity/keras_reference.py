"""Our applications against keras.applications, with the same weights from a legacy .h5 file."""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format

import kapps
from tests.parity.quick import answer, undrawn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def relative_error(
    name: str,
    folder: Path,
    *,
    size: int,
    include_top: bool = True,
    include_preprocessing: bool = True,
    norm_scale: float = 1.0,
    **arguments,
) -> float:
    """max |ours - Keras's| / max |Keras's| for two images, our model having read Keras's file.

    Args:
        name: in keras.applications and in kapps.applications.
        folder: where the file is written.
        size: height and width of the images in pixels.
        include_top, include_preprocessing: as of the applications. Without preprocessing both
            networks are fed what Keras's own `preprocess_input` returns, and numbers in [-1, 1]
            where that leaves it to the network.
        norm_scale: multiplies the scales of normalisations; below 1 keeps deep networks in range,
            above 1 keeps the signal of squeezing ones alive.
        **arguments: of both applications, such as alpha.
    """
    reference = keras_model(name, size, include_top, include_preprocessing, norm_scale, arguments)
    path = folder / f"{name}.h5"
    write_legacy_h5(reference, path)
    logits = {"classifier_activation": None} if include_top else {}
    app = getattr(kapps.applications, name)
    with undrawn():
        ours = app(
            weights=path,
            include_top=include_top,
            include_preprocessing=include_preprocessing,
            input_shape=image_shape(size),
            **logits,
            **arguments,
        )
    assert ours.load_report.new == (), str(ours.load_report)
    x = images(size)
    fed = _module(name).preprocess_input(x.copy())
    if not include_preprocessing and np.array_equal(fed, x):
        # Pixels as they are saturate its gates, and rounding grows to the size of the answers.
        fed = x / 127.5 - 1
    expected = answer(reference, fed, app.family)
    spread = np.abs(expected[0] - expected[1]).max() / np.abs(expected).max()
    assert spread > 1e-3, f"{name} hardly sees its input ({spread:.0e}); raise norm_scale"
    got = answer(ours, x if include_preprocessing else fed, app.family)
    return float(np.abs(got - expected).max() / np.abs(expected).max())


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Models built and run inside compute in float64, on every backend.

    For networks whose rounding is amplified beyond what float32 can show: where a hard sigmoid sits
    near its bend, the same network in another order of additions gives another answer.
    """
    before = keras.config.dtype_policy()
    with contextlib.ExitStack() as stack:
        if keras.config.backend() == "jax":  # which takes float64 for float32 otherwise
            import jax

            stack.enter_context(jax.enable_x64(True))
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        try:
            yield
        finally:
            keras.config.set_floatx("float32")
            keras.config.set_dtype_policy(before)


def keras_model(name, size, include_top, include_preprocessing, norm_scale, arguments):
    """The model of keras.applications with every variable filled."""
    function = getattr(keras.applications, name)
    takes_preprocessing = "include_preprocessing" in function.__code__.co_varnames
    own = {"include_preprocessing": include_preprocessing} if takes_preprocessing else {}
    logits = {"classifier_activation": None} if include_top else {}
    with undrawn():
        model = function(
            weights=None,
            include_top=include_top,
            input_shape=image_shape(size),
            **logits,
            **own,
            **arguments,
        )
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.variables:
            layer.set_weights([np.array(IMAGENET_MEAN), np.square(IMAGENET_STD), np.array(0)])
            layer.finalize_state()
            continue
        for variable in layer.variables:
            if "seed_generator" not in variable.path:
                variable.assign(_values(variable.path, variable.shape, norm_scale))
    return model


def write_legacy_h5(model: keras.Model, path: Path) -> None:
    """Save the weights as the published files of keras.applications are laid out."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def images(size: int) -> np.ndarray:
    """Two float32 RGB images in [0, 255]: noise over a slope, and over its negative."""
    rng = np.random.default_rng(7)
    slope = np.linspace(0, 120, size)[None, :, None, None] + np.array([0.0, 40.0, 80.0])
    x = np.clip(slope + rng.uniform(0, 80, (2, size, size, 3)), 0, 255).astype("float32")
    x[1] = 255 - x[1]
    return x.transpose(0, 3, 1, 2).copy() if _channels_first() else x


def image_shape(size: int) -> tuple[int, int, int]:
    """The shape of one RGB image in the data format of Keras."""
    return (3, size, size) if _channels_first() else (size, size, 3)


def _channels_first() -> bool:
    return keras.config.image_data_format() == "channels_first"


def _module(name: str):
    """The submodule of keras.applications that has the model's `preprocess_input`."""
    family = getattr(keras.applications, name).__module__.rpartition(".")[2]
    return getattr(keras.applications, family)


def _values(path: str, shape: tuple[int, ...], norm_scale: float) -> np.ndarray:
    """Well-conditioned values that depend on the variable's name alone.

    Of float32 precision, which is that of the file.
    """
    rng = np.random.default_rng(zlib.crc32(path.encode()))
    leaf = path.rpartition("/")[2]
    if leaf == "moving_variance":
        values = rng.uniform(0.5, 1.5, shape)
    elif leaf == "gamma" and "layer_scale" not in path:
        values = rng.uniform(0.7, 1.3, shape) * norm_scale
    elif len(shape) <= 1:
        values = rng.uniform(-0.1, 0.1, shape)
    else:
        depthwise = leaf == "depthwise_kernel" or (len(shape) == 4 and shape[-1] == 1)
        fan_in = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
        values = rng.uniform(-1, 1, shape) * np.sqrt(3 * 1.6 / fan_in)
    return values.astype("float32")
