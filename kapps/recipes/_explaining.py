"""What `kapps explain` finds in pictures: numbers, and pictures to save."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from kapps import inspect
from kapps.data import images as reading
from kapps.detection import drawing
from kapps.errors import did_you_mean
from kapps.inspect import painting, targets
from kapps.recipes._predictor import Predictor

SHOWN = 64  # maps or filters in a picture, at most
EDGE = 96  # pixels of a tile, at least
LOUD = 99.0  # percent of the pixels that stay below the brightest shade, of pixel-wise methods
MAP_CHANNELS = 128  # of Score-CAM, which asks the network once for each


@dataclasses.dataclass(frozen=True)
class Shown:
    """Of one picture.

    Attributes:
        name: its file.
        numbers: JSON-able.
        pictures: kind -> picture.
    """

    name: str
    numbers: dict[str, Any]
    pictures: dict[str, Image.Image]


@dataclasses.dataclass(frozen=True)
class Photo:
    """A picture as the network sees it.

    Attributes:
        name: its file.
        pixels: uint8 (height, width, channels) of the network's input.
        placement, size: where the photo lies in it, and its (width, height).
    """

    name: str
    pixels: np.ndarray
    placement: Any
    size: tuple[int, int]

    def back(self, box: Sequence[float]) -> list[float]:
        """A box in pixels of the input as one in pixels of the photo."""
        found = self.placement.back(np.asarray([box]), self.size)[0]
        return [round(float(edge), 1) for edge in found]


def look(predictor: Predictor, files: Sequence[tuple[str, bool]], settings) -> list[Shown]:
    """Look at pictures as `settings` of `kapps explain` say.

    Args:
        predictor: with a Keras model.
        files: (path, whether the user named it): others are left out where they cannot be read.

    Raises:
        ValueError, KappsError: see `kapps.recipes.explain.run`.
    """
    from kapps.training import progress

    photos = []
    for name, named in files:
        try:
            picture = reading.peek(name)
            size = reading.size_of(picture)
            photos.append(Photo(name, *predictor.transform.place(picture), size))
        except reading.ImageError as error:
            if named:
                raise
            progress.say(f"left out {name}: {error}")
    if not photos:
        raise ValueError(f"none of the {len(files)} pictures could be read; see above.")
    if settings.method == "deconvnet":
        return _deconvnet(predictor.model, photos, settings)
    ways = {"attention": _attention, "rollout": _attention, "maps": _maps, "filters": _filters}
    way = ways.get(settings.method, _heat)
    with progress.bar(f"looking with {settings.method}", len(photos), quiet=True) as advance:
        found = []
        for photo in photos:
            found.append(way(predictor, photo, settings))
            advance(1)
    return found


def _batch(model, photos: Sequence[Photo]) -> np.ndarray:
    """Pictures as a model takes them."""
    batch = np.stack([photo.pixels for photo in photos]).astype("float32")
    return np.moveaxis(batch, -1, 1) if inspect.channels_first(model) else batch


def _heat(predictor: Predictor, photo: Photo, settings) -> Shown:
    """A class activation map, attributions of pixels, or occlusion."""
    batch = _batch(predictor.model, [photo])
    target, index, asked = _target(predictor, batch, photo, settings)
    own = {
        "integrated-gradients": {"steps": settings.steps},
        "smooth-grad": {"samples": settings.samples},
        "occlusion": {"patch": settings.patch},
        "score-cam": {"channels": MAP_CHANNELS},
    }
    found = inspect.explain(
        predictor.model,
        batch,
        target,
        method=settings.method,
        layer=settings.layer,
        **own.get(settings.method, {}),
    )
    heat = found.heat[0]
    numbers = {
        "layer": found.layer,
        "index": index,
        "label": predictor.labels[index],
        "score": float(found.scores[0]),
        **({} if asked is None else {"detection": photo.back(asked)}),
        **_places(photo, heat, settings.threshold),
    }
    by_pixel = found.layer is None and settings.method != "occlusion"
    if by_pixel:  # they are no patch
        numbers["box"] = None
    if settings.method == "integrated-gradients":
        black = inspect.Score(predictor.model, np.zeros_like(batch), target).scores
        numbers["sum"] = float(found.values.sum())
        numbers["difference"] = float(found.scores[0] - black[0])
    picture = painting.over(photo.pixels, painting.scaled(heat, LOUD if by_pixel else 100.0))
    if asked is not None:  # the picture says which detection it is of
        text = f"{predictor.labels[index]} {numbers['score']:.2f}"
        picture = drawing.draw(picture, [asked], [text], [drawing.colour(index)])
    return Shown(photo.name, numbers, {settings.method.replace("+", "p"): picture})


def _places(photo: Photo, heat: np.ndarray, threshold: float) -> dict:
    """The highest place of a map and the box around it, in pixels of the photo."""
    if not heat.max() > 0:  # nothing speaks for the answer
        return {"peak": None, "box": None}
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    left, top, right, bottom = photo.back((x, y, x + 1, y + 1))
    peak = [round((left + right) / 2, 1), round((top + bottom) / 2, 1)]
    return {"peak": peak, "box": photo.back(inspect.box_around(heat, threshold))}


def _target(predictor: Predictor, batch: np.ndarray, photo: Photo, settings) -> tuple:
    """What to explain as a function, the number of its class and, of a detector, the box in pixels
    of the input."""
    wanted = None if settings.class_ is None else _class(predictor, settings.class_)
    answers = predictor.model.predict_on_batch(batch)
    if predictor.task.head != "detection":
        index = wanted
        if index is None:
            index = targets.best(answers, without=_nothing(predictor))
        return targets.of_class(index), index, None
    (found,) = predictor.task.answers(answers, predictor.kind)
    kept = [i for i, c in enumerate(found["classes"]) if wanted is None or c == wanted]
    if not 0 < settings.detection <= len(kept):
        raise ValueError(
            f"detection={settings.detection} is none of the {len(kept)} that {predictor.name} "
            f"finds in {photo.name}."
        )
    chosen = kept[settings.detection - 1]
    index, box = int(found["classes"][chosen]), found["boxes"][chosen]
    boxes, scores = np.asarray(answers["boxes"])[0], np.asarray(answers["scores"])[0, :, index]
    own = boxes[:, index] if boxes.ndim == 3 else boxes
    far = np.abs(own - box).max(axis=-1) + np.abs(scores - found["scores"][chosen])
    return targets.of_detection(int(far.argmin()), index), index, box


def _nothing(predictor: Predictor) -> int | None:
    """The class that means no class, which nobody asks about."""
    return 0 if predictor.labels[0].strip("_").lower() == "background" else None


def _class(predictor: Predictor, word: str) -> int:
    """The number of a class that was named by its label, WordNet id or number."""
    labels = [label.lower() for label in predictor.labels]
    if word.lower() in labels:
        return labels.index(word.lower())
    if word in predictor.wnids:
        return predictor.wnids.index(word)
    if word.isdigit() and int(word) < len(labels):
        return int(word)
    guess = did_you_mean(word.lower(), labels, otherwise=f"; it has {len(labels)} classes.")
    raise ValueError(f"class={word!r} is no class of {predictor.name}{guess}")


def _attention(predictor: Predictor, photo: Photo, settings) -> Shown:
    """What the class token looks at: in one layer head by head, or through all layers."""
    from kapps.layers import attention_maps

    batch = _batch(predictor.model, [photo])
    maps = attention_maps(predictor.model, batch)
    sides = inspect.Score(predictor.model, batch).patches(next(iter(maps.values())).shape[-1])
    if sides is None:
        raise ValueError(
            f"the attention of {predictor.name} is within windows, and no token looks at the whole "
            "picture; use grad-cam."
        )
    if settings.method == "rollout":
        layer, heads = None, inspect.on_patches(inspect.rollout(maps.values()), sides)
    else:
        layer = settings.layer or list(maps)[-1]
        if layer not in maps:
            raise ValueError(
                f"layer {layer!r} has no attention; those that have: {', '.join(maps)}"
            )
        heads = inspect.on_patches(maps[layer], sides)[0]
    height, width = photo.pixels.shape[:2]
    heat = inspect.resized(heads.mean(axis=0, keepdims=True), (height, width))[0]
    pictures = {settings.method: painting.over(photo.pixels, painting.scaled(heat))}
    numbers = {"layer": layer, "heads": len(heads), **_places(photo, heat, settings.threshold)}
    if settings.method == "attention":
        shown = inspect.resized(heads, (height, width))
        masks = inspect.resized(inspect.masks(heads).astype("float32"), (height, width)) > 0.5
        tiles = [painting.colours(painting.scaled(one)) for one in shown]
        pictures["heads"] = painting.tiles(tiles)
        cut = [np.where(mask[..., None], photo.pixels, photo.pixels // 4) for mask in masks]
        pictures["masks"] = painting.tiles(cut)
    return Shown(photo.name, numbers, pictures)


def _maps(predictor: Predictor, photo: Photo, settings) -> Shown:
    """What a layer says, channel by channel."""
    score = inspect.Score(predictor.model, _batch(predictor.model, [photo]))
    layer = settings.layer or score.default_layer()
    maps = score.map_of(layer)[0]
    shares = np.moveaxis(np.maximum(maps, 0), -1, 0)[:SHOWN]
    tiles = [painting.colours(painting.scaled(one)) for one in shares]
    numbers = {"layer": layer, "shape": list(maps.shape)}
    return Shown(photo.name, numbers, {"maps": painting.tiles(tiles, edge=EDGE)})


def _filters(predictor: Predictor, photo: Photo, settings) -> Shown:
    """The kernels of a layer: in colours where they see a photo, else their first channel."""
    kernels = inspect.filters(predictor.model, settings.layer)
    seen = kernels[:SHOWN] if kernels.shape[-1] == 3 else kernels[:SHOWN, ..., :1]
    tiles = [painting.grey(one) for one in seen]
    numbers = {"layer": settings.layer, "shape": list(kernels.shape)}
    return Shown(photo.name, numbers, {"filters": painting.tiles(tiles, edge=EDGE // 2)})


def _deconvnet(model, photos: Sequence[Photo], settings) -> list[Shown]:
    """The pictures that a filter answers to most, and what in them it answers to."""
    net = inspect.Deconvnet(model, settings.layer)
    found = net.top(_batch(model, photos), settings.channel, settings.top)
    if not found:
        raise ValueError(
            f"filter {settings.channel} of {settings.layer} answers to none of the pictures."
        )
    rows = []
    for one in found:
        left, top, right, bottom = one.box
        photo = photos[one.image]
        cut = photo.pixels[top:bottom, left:right]
        projection = painting.grey(one.projection[top:bottom, left:right])
        numbers = {
            "layer": settings.layer,
            "channel": settings.channel,
            "value": one.value,
            "place": list(one.place),
            "box": list(one.box),
        }
        picture = painting.tiles([cut, projection], columns=2, edge=EDGE)
        rows.append(Shown(photo.name, numbers, {"deconvnet": picture}))
    return rows
