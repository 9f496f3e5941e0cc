"""Keras's preprocessing layers on batches whose boxes or masks move with the pictures.

Keras's layers take a dictionary of images, bounding_boxes and segmentation_masks and move them all.
What is done around them, and why (Keras 3.15):

- A mask goes in as numbers from 1, with 0 for no class: the layers fill what they uncover with 0.
- The rows that pad the boxes come out as boxes of no size somewhere; they are written as -1 again.
  What a layer pushed out of the picture is gone, and joins them at the end.
- Only layers are taken whose boxes and masks were compared with the pixels (`tests/data/
  test_moving.py`): the box of RandomShear is up to 3 pixels beside its object, and RandomCrop,
  RandomElasticTransform, AugMix, RandAugment, MixUp and CutMix leave boxes or masks behind or fail.
- A layer of colours sees the pictures alone: with a dictionary RandomGrayscale fails.
- Where a layer fills what it uncovers by reflection, Keras's default, there are mirrored objects
  without boxes; `fill_mode="constant"` leaves it black.
"""

from typing import Any

from kapps.data import augment as augmentation
from kapps.data import keras_layers, mixing
from kapps.data.placement import IGNORE

# Layers that move pixels, and what moves with them truly.
GEOMETRY = {
    "RandomFlip": ("boxes", "mask"),
    "RandomPerspective": ("boxes", "mask"),
    "RandomRotation": ("boxes", "mask"),
    "RandomShear": ("mask",),
    "RandomTranslation": ("boxes", "mask"),
    "RandomZoom": ("boxes", "mask"),
}
# Layers that change colours only: nothing has to move.
COLOURS = (
    "AutoContrast", "Equalization", "RandomBrightness", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomErasing", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPosterization", "RandomSaturation",
    "RandomSharpness", "Solarization",
)  # fmt: skip


def check(policy: augmentation.Policy, annotation: str) -> None:
    """ValueError, with the name, where a policy would move pixels and leave annotations behind.

    Args:
        policy: what is done to pictures.
        annotation: "boxes", "objects" and "mask" move; of others only what joins photos is refused.
    """
    if annotation not in mixing.KINDS:
        if policy.mosaic:
            raise ValueError(
                f"augment=mosaic makes one picture of several photos, and {annotation!r} is of a "
                "whole photo; it goes with boxes and masks, --mix cutmix with classes."
            )
        return
    moving = [step.name for step in policy.steps if step.geometric]
    moving += [getattr(one, "__name__", repr(one)) for one in policy.functions]
    for name in moving[:1]:
        raise ValueError(
            f"augment={name} moves the pixels of a picture and not its {annotation}; use default, "
            "none, crop+flip, letterbox, or keras:LAYER with a layer that moves both."
        )
    for layer in policy.layers():
        name = type(layer).__name__
        if name in COLOURS or annotation in GEOMETRY.get(name, ()):
            if getattr(layer, "fill_value", 0) and annotation == "mask":
                raise ValueError(
                    f"augment={name}: fill_value={layer.fill_value} would also be written into the "
                    "mask, as a class; leave it at 0."
                )
            continue
        known = sorted(kind for kind, moves in GEOMETRY.items() if annotation in moves)
        raise ValueError(
            f"augment={name} is not known to move {annotation} with the picture; use one of "
            f"{', '.join(known) or 'crop+flip'}, or a layer that changes colours only."
        )


class Augmenter(keras_layers.Augmenter):
    """As `keras_layers.Augmenter`, for pictures with boxes or masks.

    Args:
        layers: applied one after the other with training=True.
        shape: (height, width, channels) of the pictures.
        annotation: "boxes", "objects" or "mask".
    """

    def __init__(self, layers: list[Any], shape: tuple[int, int, int], annotation: str):
        for layer in layers:
            if getattr(layer, "bounding_box_format", "xyxy") is None:
                layer.bounding_box_format = "xyxy"
        super().__init__(layers, shape)
        self.annotation = annotation

    def move(self, images: Any, marks: Any, key: Any) -> tuple[Any, Any]:
        """uint8 [B, H, W, C], their annotations, an int64 key -> both, moved. For `Dataset.map`."""
        import tensorflow as tf

        if self.annotation == "objects":  # only layers of colours, see `check`
            return self(images, key), marks
        self._set_states(key)
        data = {"images": tf.cast(images, tf.float32)}
        if self.annotation == "boxes":
            data["bounding_boxes"] = {key: tf.convert_to_tensor(marks[key]) for key in marks}
        else:
            # 255 becomes 0, class 0 becomes 1.
            data["segmentation_masks"] = tf.cast(marks, tf.float32)[..., None] + 1
            data["segmentation_masks"] %= IGNORE + 1
        for layer in self.layers:
            if type(layer).__name__ in COLOURS:
                data["images"] = layer(data["images"], training=True)
            else:
                data = layer(data, training=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(data["images"]), 0, 255), tf.uint8)
        return tf.ensure_shape(pixels, images.shape), self._marks(data, marks)

    def _marks(self, data: dict[str, Any], before: Any) -> Any:
        import tensorflow as tf

        if self.annotation == "mask":
            moved = (tf.round(data["segmentation_masks"][..., 0]) + IGNORE) % (IGNORE + 1)
            return tf.ensure_shape(tf.cast(moved, tf.uint8), before.shape)
        boxes, labels = (data["bounding_boxes"][key] for key in ("boxes", "labels"))
        boxes = tf.cast(boxes, tf.float32)
        sides = boxes[..., 2:] - boxes[..., :2]
        gone = (tf.cast(labels, tf.int32) < 0) | tf.reduce_any(sides <= 0, -1)
        order = tf.argsort(tf.cast(gone, tf.int32), axis=-1, stable=True)
        boxes = tf.where(gone[..., None], -1.0, boxes)
        labels = tf.where(gone, -1, tf.cast(labels, tf.int32))
        return {
            "boxes": tf.ensure_shape(tf.gather(boxes, order, batch_dims=1), before["boxes"].shape),
            "labels": tf.ensure_shape(
                tf.gather(labels, order, batch_dims=1), before["labels"].shape
            ),
        }
