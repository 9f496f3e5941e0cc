"""Mix the pictures of a batch and their labels: mixup and cutmix, on the host.

Where boxes or masks come along, `kapps.data.mixing_marks` does it.
"""

import numpy as np

ALPHA = {"mixup": 0.2, "cutmix": 1.0}  # of the Beta distribution, as in the two papers
MIXES = (*ALPHA, "+".join(ALPHA))
COPIED = "copy-paste"  # its number is a share, not an alpha
# What goes with an annotation, and its number by default.
KINDS = {
    "boxes": {"mixup": 32.0, COPIED: 0.5},
    "mask": {"cutmix": 1.0, COPIED: 0.5},
    "objects": {},
}


def kinds(annotation: str) -> dict[str, float]:
    """The ways to mix pictures with such an annotation, each with its number by default."""
    return KINDS.get(annotation, ALPHA)


def parse(mix: str, annotation: str = "class") -> tuple[dict[str, float], float]:
    """What a mix is made of: ({"mixup": alpha, "cutmix": alpha}, share of the batches).

    Args:
        mix: parts joined by "+": mixup or cutmix or both, each with its alpha after a colon (0.2
            and 1.0 by default), and `share:S`, the share of the batches that are mixed (1). With
            boxes mixup and copy-paste, with masks cutmix and copy-paste.
        annotation: what comes with the pictures.

    Raises:
        ValueError: it is not that.
    """
    alphas, share, known = {}, 1.0, kinds(annotation)
    if not known:
        raise ValueError(f"mix={mix!r} does not go with {annotation}; drop it.")
    first, second = known
    whole = f"{first}:{known[first]:g}+{second}:{known[second]:g}+share:0.5"
    if annotation not in KINDS:
        whole = "mixup:0.8+cutmix:1.0+share:0.5"
    beside = f" with {annotation}" if annotation in KINDS else ""
    forms = f"{first}, {second}, {first}+{second}{beside}, with strengths as in {whole}"
    for part in mix.split("+"):
        name, colon, text = part.partition(":")
        try:
            value = float(text) if colon else known.get(name)
        except ValueError:
            value = None
        if name == "share" and value is not None and 0 < value <= 1:
            share = value
        elif _fits(name, value, known) and name not in alphas:
            alphas[name] = value
        else:
            raise ValueError(f"mix={mix!r}: {part!r} is none of its parts; use {forms}.")
    if not alphas:
        raise ValueError(f"mix={mix!r} mixes nothing; use {forms}.")
    return alphas, share


def _fits(name: str, value: float | None, known: dict[str, float]) -> bool:
    most = 1.0 if name == COPIED else np.inf
    return name in known and value is not None and 0 < value <= most


def draw(mix: str, annotation: str, rng: np.random.Generator) -> tuple[str, float] | None:
    """What is done to a batch, and its number; None where it stays as it is."""
    alphas, often = parse(mix, annotation)
    if often < 1 and rng.random() >= often:
        return None
    first, *more = (name for name in kinds(annotation) if name in alphas)
    kind = more[0] if more and rng.random() >= 0.5 else first
    return kind, alphas[kind]


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
    drawn = draw(kind, "class", rng)
    if drawn is None:
        return images, labels
    kind, alpha = drawn
    partner = rng.permutation(len(images))
    share = rng.beta(alpha, alpha, len(images)).astype(np.float32)
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
