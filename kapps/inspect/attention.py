"""What attention says: rollout through the layers, and a token's attention as a mask.

`kapps.layers.attention_maps` gives the maps that go in.
"""

from collections.abc import Iterable

import numpy as np


def rollout(maps: Iterable[np.ndarray]) -> np.ndarray:
    """How much of each token's answer comes from each token of the image, through all layers.

    Attention and the shortcut around it are taken as half each: A = 0.5 mean over heads + 0.5 I,
    and the layers are multiplied.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020
    (arXiv:2005.00928), section 3, equation 1.

    Args:
        maps: (batch, heads, tokens, tokens) of each layer, the first to the last, rows of sum 1.

    Returns:
        float32 (batch, tokens, tokens), rows of sum 1.

    Raises:
        ValueError: layers with different tokens, as of networks of windows.
    """
    found = None
    for one in maps:
        one = np.asarray(one, "float32").mean(axis=1)
        if found is not None and one.shape != found.shape:
            raise ValueError(
                f"attention of the shape {one.shape} comes after {found.shape}; rollout is of "
                "networks whose tokens all see each other in each layer, such as ViT"
            )
        one = 0.5 * one + 0.5 * np.eye(one.shape[-1], dtype="float32")
        found = one if found is None else one @ found
    if found is None:
        raise ValueError("there are no attention maps; give those of at least one layer")
    return found


def on_patches(weights: np.ndarray, sides: tuple[int, int], token: int = 0) -> np.ndarray:
    """How much one token looks at each patch.

    Args:
        weights: (..., tokens, tokens): attention of a layer, or what `rollout` gave.
        sides: patches along height and width; the last tokens are they.
        token: who looks, the class token by default.

    Returns:
        (..., rows, columns).

    Raises:
        ValueError: there are fewer tokens than patches.
    """
    height, width = sides
    if weights.shape[-1] < height * width:
        raise ValueError(
            f"{weights.shape[-1]} tokens are fewer than the {height} x {width} patches; give the "
            "attention of whole images"
        )
    return weights[..., token, -height * width :].reshape(*weights.shape[:-2], height, width)


def masks(attention: np.ndarray, share: float = 0.6) -> np.ndarray:
    """Attention as segmentation: of each map the fewest positions that have a share of its sum.

    Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021
    (arXiv:2104.14294), figures 3 and 4, whose share is the default.

    Args:
        attention: (..., rows, columns), 0 and more, such as of `on_patches`.
        share: of the sum, in 0..1.

    Returns:
        bool of the same shape.

    Raises:
        ValueError: a share out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share} is out of range; use more than 0, and 1 at most")
    rows = np.asarray(attention, "float64").reshape(-1, np.prod(attention.shape[-2:]))
    order = np.argsort(-rows, axis=1, kind="stable")
    before = np.take_along_axis(rows, order, 1)
    before = (before.cumsum(axis=1) - before) / before.sum(axis=1, keepdims=True)
    found = np.zeros(rows.shape, bool)
    np.put_along_axis(found, order, before < share, axis=1)
    return found.reshape(attention.shape)
