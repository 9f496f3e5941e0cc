"""Regions that may be objects, found without learning: OpenCV's selective search.

R-CNN and Fast R-CNN classify such regions. The only module of this folder that is no `keras.ops`.
"""

import numpy as np

from kapps.errors import MissingPackageError

MODES = ("single", "fast", "quality")


def selective_search(image: np.ndarray, mode: str = "fast", most: int = 2000) -> np.ndarray:
    """Boxes of regions that look alike, largest first: OpenCV's own order is by chance.

    Source: Selective Search for Object Recognition (Uijlings et al., 2013), whose "fast" R-CNN
    uses, about 2000 regions an image.

    Args:
        image: (height, width, 3) uint8, RGB.
        mode: how many colour spaces and thresholds are tried: "single", "fast" or "quality".
        most: how many boxes come back at most.

    Returns:
        (R, 4) float32, (left, top, right, bottom) in pixels; the same for the same image.

    Raises:
        MissingPackageError: OpenCV is not installed, or without its extra modules.
        ValueError: an image of another form, or an unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"an image of shape {image.shape} and type {image.dtype}: expected (height, width, 3) "
            "of uint8"
        )
    cv2 = _opencv()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image[..., ::-1]))
    if mode == "single":
        search.switchToSingleStrategy()
    elif mode == "fast":
        search.switchToSelectiveSearchFast()
    else:
        search.switchToSelectiveSearchQuality()
    found = np.unique(np.asarray(search.process(), "float32").reshape(-1, 4), axis=0)
    found = found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")][:most]
    return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise MissingPackageError(
            "selective search needs OpenCV; `pip install 'kapps[recipes]'`."
        ) from error
    if not hasattr(cv2, "ximgproc"):
        raise MissingPackageError(
            "the OpenCV installed here lacks the extra modules, selective search among them; "
            "`pip uninstall opencv-python opencv-python-headless` and "
            "`pip install opencv-contrib-python-headless`."
        )
    return cv2
