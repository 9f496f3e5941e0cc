"""What Keras computes slowly on a backend, computed as that backend does it best.

The only folder below the families that names a backend. A module of it has functions of these names
and signatures; one that is missing, or that returns None for its arguments, leaves the work to the
Keras layer, whose path is the reference that the tests compare with:

- `conv(x, kernel, bias, strides, padding, dilation, data_format)`
- `depthwise_conv(x, kernel, bias, strides, padding, dilation, data_format)`
- `batch_norm(x, gamma, beta, mean, variance, epsilon, axis)` in inference
- `batch_statistics_norm(x, gamma, beta, epsilon, axis)` in training, which returns (y, mean,
  variance) with the variance that divides by the number of values
- `layer_norm(x, gamma, beta, epsilon)` over the last axis
- `max_pool(x, pool_size, strides, padding, data_format)`
- `attention(query, key, value, scale, bias)` of (rows, heads, tokens, channels), where `bias` is
  None or added to the scaled products
- `summed_rows(table, shares)`: the sum of rows of a table (rows, channels), over pairs of indices
  and weights that all have one shape
- `calls_layers_anew()`, by its presence: each step calls each layer, see `kapps.layers.network`
- `records_gradients()`: whether what is computed now may be asked for gradients
- `overwriting(function)`: an activation of Keras, or `keras.ops.add`, in a form that writes over
  its first argument

What only a backend can do is in each of them, and has a function of its own here:

- `on_host(function, tensors, shape, dtype)`, see below
- `differentiated(function)`, see below

Tensors are the backend's; kernels have Keras's shape (height, width, channels, filters); `padding`
is "valid" or "same", and beside `calls_layers_anew` also the zeros ((top, bottom), (left, right)).
"""

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Sequence

import keras

_reference = False


@contextlib.contextmanager
def reference() -> Iterator[None]:
    """Models that run or are traced inside compute as Keras does, by its generic path."""
    global _reference
    before, _reference = _reference, True
    try:
        yield
    finally:
        _reference = before


def find(name: str) -> Callable | None:
    """The function `name` of this process's backend, or None where Keras's own path is taken."""
    return None if _reference else _functions().get(name)


def on_host(function: Callable, tensors: Sequence, shape: Sequence, dtype: str):
    """What a function of numpy arrays says, also within a traced or compiled step.

    Args:
        function: of as many arrays, without side effects, that returns one array.
        tensors: its arguments; no gradient passes.
        shape: of what it returns, None where the trace does not know.
        dtype: of what it returns.
    """
    return _functions()["on_host"](function, tensors, tuple(shape), dtype)


def differentiated(function: Callable) -> Callable:
    """A function that says what `function` says, and how that changes.

    Args:
        function: of (a list of float tensors, further tensors or structures of them) that returns
            (number, more): a scalar tensor, and a structure of tensors or None.

    Returns:
        Of the same arguments, gives (number, more, gradients): a list with the gradient of the
        number with respect to each tensor of the list, zeros where it does not depend on it. On JAX
        it is compiled, so that variables of a model belong among the further tensors.
    """
    return _functions()["differentiated"](function)


@functools.cache
def _functions() -> dict[str, Callable]:
    backend = keras.config.backend()
    if backend not in ("jax", "tensorflow", "torch"):
        return {}
    module = importlib.import_module(f"kapps.layers.kernels.{backend}")
    return {name: getattr(module, name) for name in module.__all__}
