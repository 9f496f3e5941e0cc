"""Anchors against torchvision 0.28's generators: some rows, and sums that see their order."""

import numpy as np
import pytest

from kapps.detection import anchors as module
from kapps.detection.anchors import Points, grids

# (layout, input, maps, boxes by their number, sums of the boxes, sums of number times box).
TORCHVISION = {
    "RETINANET": (
        (128, 160), [(16, 20), (8, 10), (4, 5), (2, 3), (1, 2)],
        {0: (-23, -11, 23, 11), 1: (-28, -14, 28, 14), 5: (-25, -25, 25, 25),
         9: (-15, -11, 31, 11), 3000: (16, -16, 80, 48), -1: (-207, -574, 367, 574)},
        (163716, 101382, 407928, 345594), (245138984, 209657525, 848963926, 813813835),
    ),
    "SSD300": (
        (300, 300), [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)],
        {3: (-3.424621, -10.849242, 11.424622, 18.849241),
         4: (1.5, -6.5, 22.5, 14.5), 6000: (264.180206, 8.090096, 327.819794, 39.909901),
         8000: (218.263474, -12.578838, 389.736511, 44.578842),
         -1: (57.722569, 0, 242.277435, 300)},
        (1157388.8383, 1157388.8383, 1508979.1625, 1508979.1625),
        (4867165074.26, 5810808540.49, 6878659735.62, 7822381892.46),
    ),
    "SSDLITE320": (
        (320, 320), [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)],
        {0: (-24, -24, 40, 40), 5: (-10.475208, -47.425621, 26.475208, 63.425629),
         6: (-8, -24, 56, 40), 2500: (111.005142, 15.668387, 304.994843, 80.331612),
         3000: (-48, -48, 112, 112), -1: (72.242752, 0, 247.757248, 320)},
        (370975.7188, 370975.7188, 663904.2783, 663904.2783),
        (569751036.94, 724332187.44, 1120642878.03, 1275304607.27),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCHVISION)
def test_boxes_are_those_of_torchvision(name):
    size, maps, rows, sums, weighted = TORCHVISION[name]
    layout = getattr(module, name)
    got = layout.lay(size, maps)
    assert got.boxes.dtype == got.strides.dtype == np.float32
    assert got.counts == tuple(
        h * w * forms for (h, w), forms in zip(maps, layout.forms, strict=True)
    )
    assert len(got.strides) == len(got.boxes) == sum(got.counts)
    for row, box in rows.items():
        np.testing.assert_allclose(got.boxes[row], box, rtol=1e-5, atol=1e-5)
    boxes = got.boxes.astype("float64")
    np.testing.assert_allclose(boxes.sum(0), sums, rtol=1e-6)
    np.testing.assert_allclose((boxes.T * np.arange(len(boxes))).sum(1), weighted, rtol=1e-6)


def test_papers_count_their_boxes():
    """8732 and 24564 boxes (SSD, table 7); three forms a place (RPN), 9 of RetinaNet."""
    assert sum(
        module.SSD300.lay((300, 300), [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)]).counts
    ) == 8732  # fmt: skip
    maps = [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]
    assert sum(module.SSD512.lay((512, 512), maps).counts) == 24564
    assert module.RPN.forms == (3,) * 5
    assert module.RPN_ONE_MAP.forms == (9,)
    assert module.RETINANET.forms == (9,) * 5


def test_points_are_in_the_middle_of_their_cells():
    got = Points((8, 16)).lay((16, 32), grids((16, 32), (8, 16)))
    assert got.counts == (8, 2)
    centres = (got.boxes[:, :2] + got.boxes[:, 2:]) / 2
    expected = [(4, 4), (12, 4), (20, 4), (28, 4), (4, 12), (12, 12), (20, 12), (28, 12)]
    np.testing.assert_array_equal(centres, [*expected, (8, 8), (24, 8)])
    np.testing.assert_array_equal(got.boxes[:, 2] - got.boxes[:, 0], got.strides)
    corner = Points((8,), offset=0).lay((8, 8), [(1, 1)]).boxes
    np.testing.assert_array_equal(corner, [[-4, -4, 4, 4]])


def test_cells_of_yolo_have_their_priors():
    got = module.YOLO_V3.lay((64, 64), grids((64, 64), (8, 16, 32)))
    assert got.counts == (192, 48, 12)
    np.testing.assert_array_equal(got.boxes[0], [4 - 5, 4 - 6.5, 4 + 5, 4 + 6.5])
    np.testing.assert_array_equal(got.boxes[-1], [48 - 186.5, 48 - 163, 48 + 186.5, 48 + 163])
    np.testing.assert_array_equal(np.unique(got.strides), [8, 16, 32])
    assert module.YOLO_V2_VOC.shapes[0][0] == pytest.approx((42.3072, 55.4064))


def test_maps_are_rounded_up():
    assert grids((300, 333), (8, 128)) == [(38, 42), (3, 3)]


def test_a_map_without_sizes_is_said():
    with pytest.raises(ValueError, match="2 maps for anchors with sizes of 5 levels"):
        module.RETINANET.lay((64, 64), [(8, 8), (4, 4)])
