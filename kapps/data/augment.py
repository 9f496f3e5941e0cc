"""Augmentation policies: parts, one after the other, as in `flip+jitter:0.4+erase`.

A policy cuts a piece of the photo, then changes each picture on Pillow, in the threads that decode,
then applies Keras layers and functions to batches. Keras has no antialiased random crop, draws
the automatic policies once a batch, and differs from the papers elsewhere (see `kapps.data.colors`,
`erasing`, `automatic`, `randaugment`): these work on pictures. All else is Keras's own layers,
which switch to TensorFlow inside tf.data on every backend, or KerasCV's, by name.

What a picture gets depends on the seed, the epoch and its number alone.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from kapps.data import automatic, colors, erasing, functions, keras_layers, policy_words
from kapps.data.mosaic import Mosaic
from kapps.data.policy_words import Part
from kapps.data.randaugment import randaugment
from kapps.errors import did_you_mean

DEGREES = 1 / 360  # keras.layers.RandomRotation counts in turns
ALEXNET = 256 / 224  # shorter side of the photo, in sides of the network's input
VGG = 512 / 224

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclasses.dataclass(frozen=True)
class Step:
    """One change of single pictures.

    Attributes:
        name: as in the policy's text.
        change: a picture of mode "RGB" or "L" and a random generator -> one of the same size.
        geometric: whether it moves pixels, so that boxes and masks no longer fit.
    """

    name: str
    change: Change
    geometric: bool = False


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done to training pictures, in this order.

    Attributes:
        piece: cut a random piece (`Transform(training=True)`); otherwise the rule for evaluation.
        cut: fields of that transform.
        steps: then done to each picture of the network's size.
        layers: makes the Keras layers that follow, applied to float32 [B, H, W, C] in [0, 255].
        functions: uint8 [B, H, W, C] and a random generator -> the same; last.
        mosaic: first of all some pictures become one of several photos; None for never.
    """

    piece: bool
    cut: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    layers: Callable[[], list[Any]] = list
    functions: tuple[Callable[..., np.ndarray], ...] = ()
    mosaic: Mosaic | None = None

    @property
    def picture(self) -> Change | None:
        """All steps as one; None where there is none."""
        if not self.steps:
            return None

        def change(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            for step in self.steps:
                image = step.change(image, rng)
            return image

        return change


def _digits() -> list[Any]:
    import keras

    # No flip: a mirrored 2 is none. The border repeats, whatever the colour of the paper.
    return [
        keras.layers.RandomTranslation(0.08, 0.08, fill_mode="nearest"),
        keras.layers.RandomRotation(10 * DEGREES, fill_mode="nearest"),
    ]


def mirror(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Left becomes right, in half of the pictures."""
    return ImageOps.mirror(image) if rng.random() < 0.5 else image


def _crop(least: float = 0.25, most: float = 1.0, ratio: float = 4 / 3) -> dict[str, Any]:
    return {"scale": (least, most), "ratio": (1 / ratio, ratio)}


def _multiscale(least: float = ALEXNET, most: float = VGG) -> dict[str, Any]:
    return {"shorter": (least, most)}


def _ssd(out: float = 2.0, overlaps: tuple[float, float] = (0.1, 0.9)) -> dict[str, Any]:
    least, most = overlaps
    steps = round((most - least) / 0.2)
    between = [least + (most - least) * i / max(steps, 1) for i in range(steps + 1)]
    return {"overlaps": tuple(between), "out": out}


def _letterbox(scale: tuple[float, float] = (1.0, 1.0), shift: float = 0.0) -> dict[str, Any]:
    return {"zoom": scale, "shift": shift}


SHARE, SIDES = (0.0, 1.0), (1.0, 100.0)
ZOOM, SHIFT = (0.05, 20.0), (0.0, 0.5)
# Ways to cut the photo: fields of a Transform.
CUTS = {
    "none": Part(lambda: {}),
    "default": Part(lambda: {}),
    "digits": Part(lambda: {}),
    "crop": Part(_crop, {"least": (0.001, 1.0), "most": (0.001, 1.0), "ratio": (1.0, 100.0)}),
    "multiscale": Part(_multiscale, {"least": SIDES, "most": SIDES}),
    "ssd": Part(_ssd, {"out": (1.0, 10.0), "overlaps": (0.0, 0.99)}),
    "letterbox": Part(_letterbox, {"scale": ZOOM, "shift": SHIFT}),
}
MOSAICS = {"mosaic": Part(Mosaic, {"probability": SHARE, "scale": ZOOM, "shift": SHIFT})}
# Changes of single pictures. The first parameter is what a bare number sets.
STEPS = {
    "flip": Part(mirror),
    "randaugment": Part(randaugment, {"magnitude": SHARE, "operations": (1, 14)}),
    "autoaugment": Part(automatic.autoaugment),
    "trivialaugment": Part(automatic.trivialaugment),
    "augmix": Part(
        automatic.augmix,
        {"severity": (0.1, 10.0), "width": (1, 16), "depth": (1, 16), "alpha": (0.001, 1000.0)},
    ),
    "three-augment": Part(colors.three_augment, {"strength": SHARE}),
    "jitter": Part(
        colors.jitter,
        {
            "strength": SHARE,
            "brightness": SHARE,
            "contrast": SHARE,
            "saturation": SHARE,
            "hue": (0.0, 0.5),
            "probability": SHARE,
        },
    ),
    "grayscale": Part(colors.grayscale, {"probability": SHARE}),
    "pca": Part(colors.pca, {"deviation": (0.0, 10.0)}),
    "blur": Part(colors.blur, {"probability": SHARE, "sigma": (0.0, 100.0)}),
    "solarize": Part(colors.solarize, {"probability": SHARE, "threshold": (0, 256)}),
    "erase": Part(
        erasing.erase,
        {"probability": SHARE, "area": SHARE, "ratio": (0.01, 1.0), "fill": erasing.FILLS},
    ),
    "cutout": Part(
        erasing.cutout, {"size": (0.0, 2.0), "probability": SHARE, "fill": erasing.FILLS}
    ),
}
# Those that draw from `kapps.data.operations`, of which some move pixels.
DRAWN = ("randaugment", "autoaugment", "trivialaugment", "augmix")
RECIPES = {  # the sections on data of the papers
    "alexnet": f"multiscale(least={ALEXNET},most={ALEXNET})+flip+pca",
    "vgg": "multiscale+flip+pca",
}
NAMES = (*CUTS, *MOSAICS, *STEPS, *RECIPES)
ORDER = ("step", "layer", "function")


def policy(augment: Any) -> Policy:
    """Find a policy.

    Args:
        augment: parts joined by "+", or a sequence of them; a part is a name, perhaps with its
            first number as in "jitter:0.4" or with arguments as in "erase(area=(0.02, 0.2))".
            `CUTS`: one at most; "default", a random piece and a flip, where neither one of them
            nor "flip" is said, and "letterbox" beside "mosaic", of pictures with boxes or masks,
            which makes one of four photos. `STEPS`: changes of pictures. `RECIPES`: several of
            these. Then "keras:LAYER" or "keras_cv:LAYER", with arguments if needed, as in
            "keras:RandomBrightness(factor=0.2)". Then "module:function", which takes uint8
            [B, H, W, C] and, if it has a second parameter, a numpy random generator, and returns
            the same. In a sequence a part may also be such a function or a Keras layer itself. A
            `Policy` is returned as it is.

    Raises:
        ValueError: unknown name or arguments, or an order that cannot be kept.
        MissingPackageError: keras-cv is not installed.
        DataError: keras-cv on another backend than TensorFlow.
    """
    if isinstance(augment, Policy):
        return augment
    words = [augment] if isinstance(augment, str) or callable(augment) else list(augment)
    chosen = [part for word in words for part in _resolved(word)]
    kinds = [kind for kind, _ in chosen if kind in ORDER]
    if kinds != sorted(kinds, key=ORDER.index):
        raise ValueError(
            f"augment={augment!r}: pictures are changed first, then Keras layers change batches, "
            "then functions; write the parts in this order."
        )
    cuts = [value for kind, value in chosen if kind == "cut"]
    steps = [value for kind, value in chosen if kind == "step"]
    layers = [value for kind, value in chosen if kind == "layer"]
    if len(cuts) > 1:
        names = " and ".join(name for name, _ in cuts)
        raise ValueError(f"augment={augment!r} cuts pictures as {names}; keep one of them.")
    flips = [step for step in steps if step.name == "flip"]
    mosaics = [value for kind, value in chosen if kind == "mosaic"]
    if len(mosaics) > 1:
        raise ValueError(f"augment={augment!r} says mosaic more than once; keep one of them.")
    if cuts:
        name, fields = cuts[0]
    elif mosaics:
        name, fields = "letterbox", _letterbox()
    else:
        name, fields = "none" if flips else "default", {}
    piece = name not in ("none", "digits")
    if piece:  # the transform mirrors the piece that it cuts
        steps = [step for step in steps if step.name != "flip"]
        fields = fields if name == "default" else {"flip": bool(flips), **fields}
    return Policy(
        piece,
        fields,
        tuple(steps),
        (lambda: [*_digits(), *layers]) if name == "digits" else (lambda: list(layers)),
        tuple(value for kind, value in chosen if kind == "function"),
        mosaics[0] if mosaics else None,
    )


def _resolved(word: Any) -> list[tuple[str, Any]]:
    """(kind, value) of the parts of one text, layer or function."""
    if callable(word):
        import keras

        return [("layer" if isinstance(word, keras.Layer) else "function", word)]
    return [one for part in policy_words.split(str(word)) for one in _part(part)]


def _part(word: str) -> list[tuple[str, Any]]:
    library, colon, rest = word.partition(":")
    if colon and library in keras_layers.LIBRARIES:
        return [("layer", keras_layers.layer(library, rest))]
    name = policy_words.name_of(word)
    if word in RECIPES:
        return _resolved(RECIPES[word])
    if name in CUTS:
        return [("cut", (name, CUTS[name].function(**policy_words.arguments(word, CUTS))))]
    if name in MOSAICS:
        return [("mosaic", Mosaic(**policy_words.arguments(word, MOSAICS)))]
    if name in STEPS:
        return [("step", _step(name, policy_words.arguments(word, STEPS)))]
    if colon and rest.isidentifier():
        return [("function", functions.load(word, "augment"))]
    known = ", ".join(NAMES)
    hint = did_you_mean(name or word, NAMES)
    raise ValueError(
        f"augment={word!r} is not one of {known}, keras:LAYER, keras_cv:LAYER or module:function"
        f"{hint}."
    )


def _step(name: str, arguments: dict[str, Any]) -> Step:
    change = functools.partial(STEPS[name].function, **arguments)
    return Step(name, change, geometric=name == "flip" or name in DRAWN)
