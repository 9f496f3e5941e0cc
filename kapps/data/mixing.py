"""Mix the pictures of a batch and their labels: mixup and cutmix, on the host."""

import numpy as np

ALPHA = {"mixup": 0.2, "cutmix": 1.0}  # of the Beta distribution, as in the two papers
MIXES = (*ALPHA, "+".join(ALPHA))
FORMS = f"{', '.join(MIXES)}, with strengths as in mixup:0.8+cutmix:1.0+share:0.5"


def parse(mix: str) -> tuple[dict[str, float], float]:
    """What a mix is made of: ({"mixup": alpha, "cutmix": alpha}, share of the batches).

    Args:
        mix: parts joined by "+": mixup or cutmix or both, each with its alpha after a colon (0.2
            and 1.0 by default), and `share:S`, the share of the batches that are mixed (1).

    Raises:
        ValueError: it is not that.
    """
    alphas, share = {}, 1.0
    for part in mix.split("+"):
        name, colon, text = part.partition(":")
        try:
            value = float(text) if colon else ALPHA.get(name)
        except ValueError:
            value = None
        if name == "share" and value is not None and 0 < value <= 1:
            share = value
        elif name in ALPHA and name not in alphas and value is not None and value > 0:
            alphas[name] = value
        else:
            raise ValueError(f"mix={mix!r}: {part!r} is none of its parts; use {FORMS}.")
    if not alphas:
        raise ValueError(f"mix={mix!r} mixes nothing; use {FORMS}.")
    return alphas, share


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """int [B] -> float32 [B, classes]."""
    return np.eye(classes, dtype=np.float32)[labels]


def mix(
    kind: str, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mix each picture of a batch with another of the same batch.

    Args:
        kind: "mixup" blends two pictures (Zhang et al., arXiv:1710.09412); "cutmix" pastes a
            rectangle of one into the other (Yun et al., arXiv:1905.04899); "mixup+cutmix" does
            one or the other, batch by batch; see `parse` for strengths.
        images: uint8 [B, H, W, C].
        labels: float32 [B, classes], one-hot.
        rng: where the random numbers come from.

    Returns:
        uint8 [B, H, W, C] and float32 [B, classes] whose rows sum to 1.

    Raises:
        ValueError: see `parse`.
    """
    alphas, often = parse(kind)
    if often < 1 and rng.random() >= often:
        return images, labels
    kind = next(iter(alphas))
    if len(alphas) > 1:
        kind = "mixup" if rng.random() < 0.5 else "cutmix"
    partner = rng.permutation(len(images))
    share = rng.beta(alphas[kind], alphas[kind], len(images)).astype(np.float32)
    if kind == "mixup":
        images = blend(images, images[partner], share)
    else:
        images, share = paste(images, images[partner], share, rng)
    share = share[:, None]
    return images, share * labels + (1 - share) * labels[partner]


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """share * first + (1 - share) * second, rounded to uint8."""
    share = share[:, None, None, None]
    return np.rint(share * first + (1 - share) * second).astype(np.uint8)


def paste(
    first: np.ndarray, second: np.ndarray, share: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Paste a rectangle of `second` over each of `first`, of about 1 - share of the area.

    Returns:
        The pictures, and the share of `first` that is really left: the rectangle is centred
        anywhere and what would stick out is cut off.
    """
    count, height, width = first.shape[:3]
    half = np.sqrt(1 - share) / 2
    center_y, center_x = rng.uniform(0, height, count), rng.uniform(0, width, count)
    top = np.rint(np.clip(center_y - half * height, 0, height)).astype(int)
    bottom = np.rint(np.clip(center_y + half * height, 0, height)).astype(int)
    left = np.rint(np.clip(center_x - half * width, 0, width)).astype(int)
    right = np.rint(np.clip(center_x + half * width, 0, width)).astype(int)
    result = first.copy()
    for i in range(count):
        piece = np.s_[i, top[i] : bottom[i], left[i] : right[i]]
        result[piece] = second[piece]
    left_over = 1 - (bottom - top) * (right - left) / (height * width)
    return result, left_over.astype(np.float32)
