"""Another vocabulary for an open-vocabulary detector that exists."""

from collections.abc import Sequence
from typing import Any

import keras

from kapps.applications import _heads
from kapps.detection import vocabulary
from kapps.layers import VOCABULARY, Normalize


def set_vocabulary(model: keras.Model, names: Sequence[str], encoder: Any = None) -> keras.Model:
    """The same network with other things to look for, one class a name.

    A text encoder runs once, here. What comes back takes pictures alone, and keeps the names as its
    labels and their embeddings as the weights of its layer `vocabulary`, in whatever it is saved or
    exported as.

        model = kapps.set_vocabulary(model, ["cat", "traffic light"])

    Args:
        model: an open-vocabulary detector, such as `kapps.applications.YOLOWorldS(weights=FILE)`,
            also one from a file, whose classes may be any number.
        names: what to look for, as one would say it; no two alike.
        encoder: None for the text encoder that the network was trained with, by `transformers` (the
            extra `text`); a name on the Hugging Face hub or a folder for another of its kind;
            `function(names) -> embeddings`; or the embeddings, of YOLO-World (names, 512).

    Returns:
        A new model, which shares no weights with `model`.

    Raises:
        ValueError: the model has no vocabulary, a name is empty or there twice, or the embeddings
            have another shape.
        kapps.errors.MissingPackageError, kapps.errors.DownloadError: the encoder is not here.
    """
    app = _heads.dense_of(model)
    layer = layer_of(model)
    if app is None or layer is None:
        raise ValueError(
            f"{getattr(model, 'name', model)!r} has no vocabulary; give an open-vocabulary "
            "detector of kapps with its preprocessing, such as kapps.applications.YOLOWorldS()"
        )
    names = vocabulary.checked(names)
    values = layer.values(names, vocabulary.encode(names, layer.encoder, encoder))
    result = _heads.rebuilt(app, model, len(names))
    layer_of(result).set_weights(values)
    before, after = (next(x for x in m.layers if isinstance(x, Normalize)) for m in (model, result))
    after.spec = {**before.spec, "labels": names}
    return result


def layer_of(model: keras.Model) -> keras.layers.Layer | None:
    """The layer that holds what a network looks for; None where that is fixed."""
    return next((x for x in getattr(model, "layers", ()) if x.name == VOCABULARY), None)
