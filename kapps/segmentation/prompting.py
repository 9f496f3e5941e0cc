"""What a network segments that is told where to look: SAM in a photo, in one call."""

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

MEAN = (123.675, 116.28, 103.53)  # around the photo: what the network's normalisation makes zero
NOTHING, CORNERS = -1, (2, 3)  # labels
_parts: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> its two halves


@dataclass(frozen=True)
class Embedded:
    """A photo as the image encoder sees it, for any number of prompts.

    Attributes:
        tokens: what the encoder said: (1, height, width, channels) in the data format of Keras.
        size: (height, width) of the photo. scale: pixels of the input for one of the photo.
        shown: (height, width) of the photo within the input, at its left top.
    """

    tokens: Any
    size: tuple[int, int]
    scale: float
    shown: tuple[int, int]


def embed(model: Any, image: np.ndarray) -> Embedded:
    """Look at a photo once.

    Args:
        model: such as `kapps.applications.SAMBase()`, or one from a file.
        image: (height, width, 3), RGB in [0, 255], of any size.

    Raises:
        ValueError: the model takes no prompts, or the image is none.
    """
    from PIL import Image

    encoder, _ = _halves(model)
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"the image has the shape {image.shape}; expected (height, width, 3), of one photo"
        )
    height, width = _input_size(model)
    scale = min(height / image.shape[0], width / image.shape[1])
    shown = tuple(max(1, round(side * scale)) for side in image.shape[:2])
    photo = Image.fromarray(image.clip(0, 255).astype("uint8"))
    photo = photo.resize(shown[::-1], Image.Resampling.BILINEAR)
    canvas = np.tile(np.array(MEAN, "float32"), (height, width, 1))
    canvas[: shown[0], : shown[1]] = photo
    if encoder.input_shape[-1] != 3:
        canvas = canvas.transpose(2, 0, 1)
    tokens = encoder.predict_on_batch(canvas[None])
    return Embedded(tokens, tuple(image.shape[:2]), scale, shown)


def segment(
    model: Any,
    image: Any,
    *,
    points=None,
    labels=None,
    boxes=None,
    mask: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Masks of the things that points and boxes in a photo show.

    The photo is looked at once however many prompts there are; what `embed` returned in its place
    saves that, too.

    Args:
        model: such as `kapps.applications.SAMBase()`, or one from a file.
        image: (height, width, 3), RGB in [0, 255], of any size; or what `embed` made of it.
        points: (N, P, 2), x and y in pixels of the photo: N things with P points each; (P, 2) for
            one thing.
        labels: (N, P), 1 where a point lies on the thing, 0 where beside it; all 1 by default.
        boxes: (N, 4), left, top, right, bottom around each thing; (4,) for one.
        mask: (N, h, w) "logits" of an earlier answer to make better, one for each thing.

    Returns:
        {"masks": bool (N, M, height, width) of the photo, "scores": float32 (N, M), how well each
        fits, "logits": float32 (N, M, h, w) of the whole input}; M is 3, or 1 with
        `multimask=False`.

    Raises:
        ValueError: no prompts, prompts that do not fit each other, or a model that takes none.
    """
    _, decoder = _halves(model)
    found = image if isinstance(image, Embedded) else embed(model, image)
    points, labels = _prompts(points, labels, boxes)
    count = len(points)
    sides = tuple(decoder.inputs[-1].shape[1:])
    if mask is None:
        mask = np.zeros((count, *sides), "float32")
    mask = np.asarray(mask, "float32")
    if mask.shape != (count, *sides):
        raise ValueError(
            f'mask has the shape {mask.shape}; expected {(count, *sides)}, one of the "logits" of '
            "an earlier answer for each thing"
        )
    tokens = np.repeat(found.tokens, count, axis=0)
    said = _said(decoder, [tokens, points * np.float32(found.scale), labels, mask])
    logits = said["masks"]
    shape = (*logits.shape[:2], *found.size)
    masks = [_at_size(one, _input_size(model), found) for one in logits.reshape(-1, *sides)]
    return {
        "masks": np.stack(masks).reshape(shape),
        "scores": said["scores"],
        "logits": logits,
    }


def _halves(model: Any) -> tuple[Any, Any]:
    """The encoder of images, and the decoder of what that says and of prompts."""
    names = {layer.name for layer in getattr(model, "layers", ())}
    if not {"head_image", "head_prompts", "image"} <= names:
        raise ValueError(
            f"{getattr(model, 'name', model)!r} takes no prompts; build one that does, such as "
            "kapps.applications.SAMBase()"
        )
    if model not in _parts:
        import keras

        embedding = model.get_layer("head_image").input
        prompts = [model.get_layer(name).output for name in ("points", "labels", "mask")]
        _parts[model] = (
            keras.Model(model.get_layer("image").output, embedding),
            # A model from the middle of another one would change the layers that both have.
            keras.Function([embedding, *prompts], model.output),
        )
    return _parts[model]


def _said(decoder: Any, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Its answer, without a trace, of which each number of prompts would need one."""
    from keras import ops

    said = decoder([ops.convert_to_tensor(x) for x in inputs])
    return {key: ops.convert_to_numpy(value) for key, value in said.items()}


def _input_size(model: Any) -> tuple[int, int]:
    """(height, width) of the input: masks have a quarter of it."""
    return tuple(4 * side for side in model.get_layer("mask").output.shape[1:])


def _prompts(points, labels, boxes) -> tuple[np.ndarray, np.ndarray]:
    """Points and corners (N, P, 2) in one, and their labels (N, P)."""
    if points is None and boxes is None:
        raise ValueError("neither points nor boxes are given; say where the thing is")
    if points is None and labels is not None:
        raise ValueError("labels without points have no effect; drop them, or give points")
    parts = []
    if points is not None:
        points = np.asarray(points, "float32")
        points = points[None] if points.ndim == 2 else points
        if points.ndim != 3 or points.shape[-1] != 2:
            raise ValueError(f"points have the shape {points.shape}; expected (N, P, 2) or (P, 2)")
        labels = np.ones(points.shape[:2]) if labels is None else np.asarray(labels)
        labels = labels.reshape(1, -1) if labels.ndim == 1 else labels
        if labels.shape != points.shape[:2] or not np.isin(labels, (0, 1)).all():
            raise ValueError(
                f"labels {labels.tolist()} do not fit {points.shape[:2]} points; give 1 (on the "
                "thing) or 0 (beside it) for each"
            )
        parts.append((points, labels))
    if boxes is None:  # as it was trained: one more point, which is nothing
        count = len(points)
        parts.append((np.zeros((count, 1, 2)), np.full((count, 1), NOTHING)))
    else:
        boxes = np.asarray(boxes, "float32")
        boxes = boxes[None] if boxes.ndim == 1 else boxes
        if boxes.ndim != 2 or boxes.shape[-1] != 4:
            raise ValueError(f"boxes have the shape {boxes.shape}; expected (N, 4) or (4,)")
        parts.append((boxes.reshape(-1, 2, 2), np.tile(CORNERS, (len(boxes), 1))))
    if len({len(part) for part, _ in parts}) > 1:
        raise ValueError(
            f"{len(parts[0][0])} things have points and {len(parts[1][0])} have boxes; give as many"
        )
    places, kinds = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return places.astype("float32"), kinds.astype("int32")


def _at_size(logits: np.ndarray, size: tuple[int, int], found: Embedded) -> np.ndarray:
    """A mask of the input as one of the photo: bool (height, width)."""
    from PIL import Image

    whole = Image.fromarray(logits).resize(size[::-1], Image.Resampling.BILINEAR)
    photo = whole.crop((0, 0, found.shown[1], found.shown[0]))
    return np.asarray(photo.resize(found.size[::-1], Image.Resampling.BILINEAR)) > 0
