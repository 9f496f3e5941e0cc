"""How many parameters an application has, in the three numbers that references publish."""

import math

import kapps
from kapps.weights.port import variables_of
from tests.parity.keras_reference import image_shape
from tests.parity.quick import undrawn


def counts(name: str, **arguments) -> tuple[int, int, int]:
    """Trainable; with the statistics of normalisations; the same without the head."""
    app = kapps.applications.get(name)
    shape = image_shape(app.min_size)
    with undrawn():
        whole = app(weights=None, input_shape=shape, **arguments)
        bare = app(weights=None, input_shape=shape, include_top=False, **arguments)
    trainable = sum(math.prod(v.shape) for v in whole.trainable_variables)
    return trainable, _total(whole), _total(bare)


def _total(model) -> int:
    return sum(math.prod(v.shape) for v in variables_of(model).values())
