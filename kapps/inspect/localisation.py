"""Where a thing is, from a map of what speaks for it."""

import numpy as np


def box_around(heat: np.ndarray, threshold: float = 0.2) -> tuple[float, float, float, float]:
    """The box around the largest patch of a map that reaches a share of its highest value.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", 2016
    (arXiv:1512.04150), section 3.2, whose share is the default.

    Args:
        heat: (height, width), such as a class activation map at the size of its image.
        threshold: the share of the highest value, in 0..1.

    Returns:
        Left, top, right, bottom in positions of the map, right and bottom excluded.

    Raises:
        ValueError: a threshold out of range, or a map that is nowhere above 0.
    """
    from scipy import ndimage

    heat = np.asarray(heat)
    if heat.ndim != 2:
        raise ValueError(f"the map has the shape {heat.shape}; expected (height, width)")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold={threshold} is out of range; use more than 0 and less than 1")
    if not heat.max() > 0:
        raise ValueError("the map is nowhere above 0: nothing in it speaks for this answer")
    patches, _ = ndimage.label(heat >= threshold * heat.max())
    largest = 1 + np.argmax(np.bincount(patches.ravel())[1:])
    rows, columns = ndimage.find_objects((patches == largest).astype(int))[0]
    return (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
