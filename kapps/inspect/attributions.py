"""Which pixels speak for a number of a model's answer: by its gradient, or by hiding them."""

import numpy as np

from kapps.inspect.score import Score


def gradient(score: Score) -> np.ndarray:
    """The gradient of the number with respect to each pixel, of the same shape as the images.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013
    (arXiv:1312.6034), section 3.
    """
    return score.gradients(score.images)


def integrated_gradients(
    score: Score,
    *,
    baseline: float | np.ndarray = 0.0,
    steps: int = 50,
    batch_size: int = 16,
) -> np.ndarray:
    """Integrated gradients: (x - b) times the mean gradient on the way from b to x.

    Their sum over an image is f(x) - f(b), but for the error of the sum over `steps` (completeness,
    proposition 1). The steps are those of the midpoint rule.

    Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017
    (arXiv:1703.01365), equations 1 and 3.

    Args:
        score: what is explained.
        baseline: what says nothing: a value of all pixels, or an image; black by default, as in the
            paper.
        steps: gradients on the way.
        batch_size: images at a time.

    Returns:
        float32 of the shape of the images.

    Raises:
        ValueError: steps below 1.
    """
    _at_least_one(steps=steps, batch_size=batch_size)
    shares = (np.arange(steps, dtype="float32") + 0.5) / steps
    found = []
    for image in score.images:
        way = image - baseline
        points = (baseline + share * way for share in shares)
        found.append(way * _mean(score, points, steps, batch_size))
    return np.stack(found).astype("float32")


def smooth_grad(
    score: Score,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    batch_size: int = 16,
) -> np.ndarray:
    """SmoothGrad: the mean gradient of the image with noise.

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017 (arXiv:1706.03825),
    section 3.1; the deviation of the noise is `noise` of the range of the image's values (3.3).

    Args:
        score: what is explained.
        samples: noisy images.
        noise: share of the range from the darkest to the brightest value.
        seed: of `numpy.random.default_rng`, which draws the noise of an image at once.
        batch_size: images at a time.

    Returns:
        float32 of the shape of the images.

    Raises:
        ValueError: samples below 1.
    """
    _at_least_one(samples=samples, batch_size=batch_size)
    random = np.random.default_rng(seed)
    found = []
    for image in score.images:
        scale = noise * (image.max() - image.min())
        noisy = image + scale * random.standard_normal((samples, *image.shape), dtype="float32")
        found.append(_mean(score, noisy, samples, batch_size))
    return np.stack(found).astype("float32")


def occlusion(
    score: Score,
    *,
    patch: int | None = None,
    stride: int | None = None,
    value: float = 127.0,
    batch_size: int = 32,
) -> np.ndarray:
    """Occlusion: how much of the number goes when a grey square hides a place.

    The number is the answer itself, after a softmax. Each pixel has the mean over the squares that
    hide it.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013
    (arXiv:1311.2901), section 4.2.

    Args:
        score: what is explained.
        patch: side of the square in pixels; None for an eighth of the shorter side.
        stride: pixels from one square to the next; None for half a square.
        value: of hidden pixels.
        batch_size: images at a time.

    Returns:
        float32 (batch, height, width), above 0 where hiding costs.

    Raises:
        ValueError: a square that does not fit.
    """
    height, width = score.sides
    patch = patch or max(1, min(height, width) // 8)
    stride = stride or max(1, patch // 2)
    if not 0 < patch <= min(height, width) or not 0 < stride <= patch:
        raise ValueError(
            f"patch={patch}, stride={stride}: expected a square of 1 to {min(height, width)} "
            "pixels, and a step of 1 pixel up to the square"
        )
    rows, columns = (_starts(side, patch, stride) for side in (height, width))
    places = [(slice(y, y + patch), slice(x, x + patch)) for y in rows for x in columns]
    found = np.zeros((len(score.images), height, width), "float32")
    hidden = np.zeros((height, width), "float32")
    for place in places:
        hidden[place] += 1
    for i, image in enumerate(score.images):
        (whole,) = score.numbers(image[None])
        for start in range(0, len(places), batch_size):
            some = places[start : start + batch_size]
            covered = np.repeat(image[None], len(some), axis=0)
            for one, place in zip(covered, some, strict=True):
                one[(slice(None), *place) if score.first else place] = value
            for place, number in zip(some, score.numbers(covered, batch_size), strict=True):
                found[i][place] += whole - number
    return found / hidden


def heat(attributions: np.ndarray, channels_first: bool = False) -> np.ndarray:
    """The strength of each pixel: the sum of the absolute values of its channels.

    Args:
        attributions: (batch, height, width, channels), or with the channels first.

    Returns:
        float32 (batch, height, width), 0 and more.
    """
    return np.abs(attributions).sum(axis=1 if channels_first else -1)


def _mean(score: Score, points, count: int, batch_size: int) -> np.ndarray:
    """The mean gradient over images of an iterable; all batches have one size, as JAX compiles."""
    size, points = min(batch_size, count), iter(points)
    total, done = 0.0, 0
    while done < count:
        batch = [next(points) for _ in range(min(size, count - done))]
        done += len(batch)
        padded = np.stack(batch + batch[-1:] * (size - len(batch))).astype("float32")
        total = total + score.gradients(padded)[: len(batch)].sum(axis=0)
    return total / count


def _starts(side: int, patch: int, stride: int) -> list[int]:
    """Where squares begin; the last one ends with the image."""
    found = list(range(0, side - patch, stride))
    return [*found, side - patch]


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name}={number} is out of range; use 1 or more")
