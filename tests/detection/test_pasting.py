"""Masks and joints in pixels of the image against torchvision 0.28.

The numbers: `paste_masks_in_image` and `heatmaps_to_keypoints` for what `waves` makes.
"""

import numpy as np

from kapps.detection.pasting import joints, paste_masks

BOXES = np.float32(
    [[3.2, 4.7, 19.6, 15.1], [-4, 10.5, 12.25, 40], [20, 2, 21.5, 30], [0, 0, 70, 9]]
)

SUMS = [98.052124, 150.520554, 38.625786, 182.042694]
ROW = [0.017651, 0.039476, 0.047725, 0.122488, 0.252788, 0.419531, 0.181068]
COLUMN = [0.392429, 0.807165, 0.111539, 0.413203, 0.736781, 0.551354]
JOINTS = [
    [[11.4, 8.954546, 1.027324], [13.329412, 12.736363, 1.02811]],
    [[-3.522059, 29.675001, 1.035253], [-3.522059, 33.608334, 1.034344]],
    [[20.375, 2.5, 1.030628], [20.375, 7.5, 1.024205]],
    [[68.5, 4.5, 1.039372], [68.5, 5.5, 1.038792]],
]


def waves(*shape):
    return np.sin(np.arange(np.prod(shape), dtype="float32") * 0.37).reshape(shape)


def test_masks_are_torchvision_s():
    found = paste_masks(waves(4, 6, 6) / 2 + 0.5, BOXES, (32, 40))
    assert found.shape == (4, 32, 40)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), SUMS, rtol=1e-4)
    np.testing.assert_allclose(found[0, 8, 2:22:3], ROW, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1, 9:32:4, 5], COLUMN, rtol=1e-4, atol=1e-6)


def test_joints_are_torchvision_s():
    np.testing.assert_allclose(joints(waves(4, 8, 8, 2), BOXES), JOINTS, rtol=1e-4, atol=1e-4)
