"""All ways to say what speaks for an answer, by name."""

from typing import NamedTuple

import keras
import numpy as np

from kapps.inspect import attributions, cams
from kapps.inspect.score import Score
from kapps.inspect.sizes import resized

CAMS = {
    "grad-cam": cams.grad_cam,
    "grad-cam++": cams.grad_cam_plus_plus,
    "score-cam": cams.score_cam,
}
PIXELS = {
    "gradient": attributions.gradient,
    "integrated-gradients": attributions.integrated_gradients,
    "smooth-grad": attributions.smooth_grad,
}
METHODS = (*CAMS, *PIXELS, "occlusion")


class Explanation(NamedTuple):
    """What speaks for a number of a model's answer.

    Attributes:
        heat: float32 (batch, height, width) of the images; the higher, the more a place counts.
        values: what the method gives: a map of the layer, attributions of each value of the image,
            or, of occlusion, what hiding costs.
        scores: float32 (batch,): the number that was explained, before a softmax.
        layer: whose map it is; None where the method asks for none.
    """

    heat: np.ndarray
    values: np.ndarray
    scores: np.ndarray
    layer: str | None


def explain(
    model: keras.Model,
    images: np.ndarray,
    target=None,
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    **settings,
) -> Explanation:
    """Say which places of images speak for an answer.

    Args:
        model: functional, with one image input.
        images: (batch, height, width, channels) in the data format of the model, as it takes them.
        target: which number, see `kapps.inspect.Score`; None for what the model answers first.
        method: one of `METHODS`, each of which is a function of a `Score` here.
        layer: of class activation maps; None for the last map.
        settings: of the method's own function, such as steps=50.

    Raises:
        ValueError: no such model, target, method or layer, or a layer that the method has none of.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
    if layer is not None and method not in CAMS:
        raise ValueError(f"layer={layer!r} has no effect on {method}, which asks no layer; drop it")
    score = Score(model, images, target)
    if method in CAMS:
        layer = layer or score.default_layer()
        values = CAMS[method](score, layer, **settings)
        return Explanation(resized(values, score.sides), values, score.scores, layer)
    if method == "occlusion":
        values = attributions.occlusion(score, **settings)
        return Explanation(np.maximum(values, 0), values, score.scores, None)
    values = PIXELS[method](score, **settings)
    return Explanation(attributions.heat(values, score.first), values, score.scores, None)
