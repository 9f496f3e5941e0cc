"""Another vocabulary for an open-vocabulary detector that exists."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kapps.applications import _heads
from kapps.detection import vocabulary
from kapps.errors import SettingsError
from kapps.layers import Normalize, spec_of, vocabulary_of


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
            `function(names) -> embeddings`; or the embeddings, of YOLO-World (names, 512), of
            Grounding DINO for each name (tokens, 768), see `kapps.layers.PhraseVocabulary`.

    Returns:
        A new model, which shares no weights with `model`.

    Raises:
        ValueError: the model has no vocabulary, a name is empty or there twice, or the embeddings
            have another shape.
        kapps.errors.MissingPackageError, kapps.errors.DownloadError: the encoder is not here.
    """
    app = _heads.dense_of(model)
    layer = vocabulary_of(model)
    if app is None or layer is None:
        raise ValueError(
            f"{getattr(model, 'name', model)!r} has no vocabulary; give an open-vocabulary "
            "detector of kapps with its preprocessing, such as kapps.applications.YOLOWorldS()"
        )
    names = vocabulary.checked(names)
    values = layer.values(names, vocabulary.encode(names, layer.encoder, encoder))
    result = _heads.rebuilt(app, model, len(names))
    vocabulary_of(result).set_weights(values)
    before, after = (next(x for x in m.layers if isinstance(x, Normalize)) for m in (model, result))
    counted = {"classes": len(names)} if "classes" in before.spec else {}
    after.spec = {**before.spec, **counted, "labels": names}
    return result


def of_words(
    model: keras.Model, words: Sequence[str], name: str
) -> tuple[list[str], Callable | None]:
    """What the setting `vocabulary` says to a model: names, and an encoder where it brings one.

    Args:
        name: what an error calls the model.

    Raises:
        SettingsError: the classes of the model are fixed.
        KappsError, ValueError: no such file, or names that are none.
    """
    if vocabulary_of(model) is None:
        raise SettingsError(
            f"vocabulary={','.join(words)!r} has no effect on {name}, whose classes are fixed; "
            "drop it, or take an open-vocabulary detector such as YOLOWorldS."
        )
    return vocabulary.of_words(words)


def for_classes(
    model: keras.Model, names: Sequence[str], words: Sequence[str], name: str
) -> keras.Model:
    """The model that looks for the classes of data, where it has a vocabulary.

    Args:
        names: of the classes.
        words: the setting `vocabulary`: what an encoder is told of each class in place of its name,
            or a file of embeddings of the names; () for neither.
        name: what an error calls the model.

    Raises:
        SettingsError: there are words, and the classes of the model are fixed, or not so many.
        KappsError, ValueError: as of `set_vocabulary`.
    """
    if not words:
        layer = vocabulary_of(model)
        known = layer is None or not layer.is_empty and spec_of(model).get("labels") == list(names)
        return model if known else set_vocabulary(model, names)
    said, encoder = of_words(model, words, name)
    if encoder is None:
        if len(said) != len(names):
            raise SettingsError(
                f"vocabulary={','.join(words)!r} has {len(said)} names for the {len(names)} "
                f"classes of the data, {', '.join(names)}; give one for each, in this order."
            )
        kind = vocabulary_of(model).encoder
        return set_vocabulary(model, names, lambda _: vocabulary.encode(said, kind))
    return set_vocabulary(model, names, encoder)
