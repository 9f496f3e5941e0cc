"""Regions against torchvision 0.28's operators, and against loops over their definitions."""

import keras
import numpy as np
import pytest

from kapps.layers import RoIAlign, RoIPool

# Input 80 x 96: regions inside, one that is small, one that sticks out.
BOXES = np.array(
    [
        [[8, 4, 60, 44], [0, 0, 20, 20], [30, 10, 95, 70]],
        [[5.5, 6.25, 70, 31], [40, 20, 44, 28], [-10, -6, 30, 90]],
    ],
    "float32",
)


def wave(number, height, width):
    """A map (2, height, width, 3) as torch has it: sin(0.37 i + number) over (2, 3, h, w)."""
    values = np.sin(0.37 * np.arange(2 * 3 * height * width) + number)
    return values.reshape(2, 3, height, width).transpose(0, 2, 3, 1).astype("float32")


def run(layer, *arrays):
    if layer.data_format == "channels_first":
        *maps, boxes = arrays
        arrays = [*(x.transpose(0, 3, 1, 2) for x in maps), boxes]
    *maps, boxes = [keras.ops.convert_to_tensor(x) for x in arrays]
    got = keras.ops.convert_to_numpy(layer([maps if len(maps) > 1 else maps[0], boxes]))
    return got.transpose(0, 1, 3, 4, 2) if layer.data_format == "channels_first" else got


def aligned_by_hand(x, box, size, scale, sampling, aligned):
    """The mean of the points of each cell, section 3 of Mask R-CNN, for one image (h, w, c)."""
    shift = 0.5 if aligned else 0.0
    left, top, right, bottom = (float(side) * scale - shift for side in box)
    high, wide = bottom - top, right - left
    if not aligned:
        high, wide = max(high, 1), max(wide, 1)
    found = np.zeros((*size, x.shape[-1]))
    for i, j in np.ndindex(*size):
        points = []
        for a, b in np.ndindex(sampling, sampling):
            y = top + (i + (a + 0.5) / sampling) * high / size[0]
            z = left + (j + (b + 0.5) / sampling) * wide / size[1]
            if not (-1 <= y <= x.shape[0] and -1 <= z <= x.shape[1]):
                points.append(np.zeros(x.shape[-1]))
                continue
            y, z = np.clip(y, 0, x.shape[0] - 1), np.clip(z, 0, x.shape[1] - 1)
            t, s = int(y), int(z)
            v, u = min(t + 1, x.shape[0] - 1), min(s + 1, x.shape[1] - 1)
            dy, dx = y - t, z - s
            upper = x[t, s] * (1 - dx) + x[t, u] * dx
            lower = x[v, s] * (1 - dx) + x[v, u] * dx
            points.append(upper * (1 - dy) + lower * dy)
        found[i, j] = np.mean(points, 0)
    return found


# roi_align(map, boxes, (2, 3), 1 / 8, 1, aligned), the second channel.
TORCHVISION = {
    False: [
        [-0.59903783, -0.69857728, -0.37563807, -0.17162006, 0.38012713, 0.69662094],
        [-0.38786101, -0.22159511, -0.03278725, -0.14047888, -0.38505292, -0.59785259],
        [0.18798766, -0.59098166, -0.81717533, 0.72393894, 0.02208421, -0.69156367],
        [-0.28459081, 0.29385811, 0.59935796, 0.06785945, -0.68661118, -0.81276178],
        [-0.71660137, -0.70896661, -0.70133179, -0.54096586, -0.59050673, -0.64004761],
        [-0.51272428, -0.67795259, -0.68890625, -0.5426271, -0.26884711, 0.16583888],
    ],
    True: [
        [-0.65782499, -0.26260078, 0.29706645, 0.17846853, 0.62190247, 0.6909278],
        [0.23127159, 0.44134951, 0.63439566, -0.5708878, -0.61825186, -0.62082016],
        [-0.20708504, -0.61027467, -0.4563809, 0.0724964, -0.48535654, -0.60400999],
        [0.30364066, 0.89493144, 0.67414612, -0.30012235, -0.61713111, -0.37296763],
        [-0.43562484, -0.40137845, -0.36713201, -0.68933499, -0.70176852, -0.71420199],
        [-0.71991491, -0.70409322, -0.50205731, -0.12194452, 0.07778455, 0.47189003],
    ],
}


@pytest.mark.parametrize("aligned", TORCHVISION)
def test_align_is_torchvision_s(aligned):
    layer = RoIAlign((2, 3), 8, sampling=1, aligned=aligned, data_format="channels_last")
    got = run(layer, wave(0, 10, 12), BOXES)[..., 1].reshape(6, 6)
    np.testing.assert_allclose(got, TORCHVISION[aligned], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("aligned", "data_format"), [(False, "channels_first"), (True, "channels_last")]
)
def test_align_is_the_mean_of_points(aligned, data_format):
    x = wave(1, 10, 12)
    layer = RoIAlign((2, 3), 8, sampling=2, aligned=aligned, data_format=data_format)
    far = np.concatenate([BOXES, np.full((2, 1, 4), [150, 150, 250, 250], "float32")], axis=1)
    got = run(layer, x, far)
    for image, number in np.ndindex(2, 4):
        expected = aligned_by_hand(x[image], far[image, number], (2, 3), 1 / 8, 2, aligned)
        np.testing.assert_allclose(got[image, number], expected, rtol=1e-4, atol=1e-5)


def test_a_box_takes_the_map_that_suits_its_size():
    """Equation 1 of the pyramid's paper: 64 pixels are of level 4 here."""
    maps = [wave(i, 20 >> i, 24 >> i) for i in range(3)]
    layer = RoIAlign(2, (4, 8, 16), canonical_size=64, data_format="channels_last")
    boxes = np.array(
        [[[4, 4, 20, 12], [10, 10, 44, 40], [0, 0, 90, 70], [20, 8, 70, 60]]] * 2, "float32"
    )
    got = run(layer, *maps, boxes)
    # Sides of 11, 32, 79 and 51 pixels: floor(4 + log2(side / 64)) is 1, 2, 4, 3, at least 2.
    for number, level in enumerate((2, 2, 4, 3)):
        x = maps[level - 2]
        for image in range(2):
            expected = aligned_by_hand(
                x[image], boxes[image, number], (2, 2), 1 / 2**level, 2, False
            )
            np.testing.assert_allclose(got[image, number], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "data_format"),
    [((2, 3), "channels_last"), ((7, 7), "channels_first"), ((1, 1), "channels_last")],
)
def test_pooling_is_the_maximum_of_each_cell(size, data_format):
    """The rounding of Fast R-CNN: whole pixels at the edges, cells that overlap by a pixel."""
    x = wave(2, 10, 12)
    boxes = np.clip(BOXES, 0, [95, 79, 95, 79]).astype("float32")
    got = run(RoIPool(size, 8, data_format=data_format), x, boxes)
    for image, number in np.ndindex(2, 3):
        left, top, right, bottom = np.floor(boxes[image, number] / 8 + 0.5).astype(int)
        high, wide = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i, j in np.ndindex(*size):
            rows = slice(i * high // size[0] + top, -(-(i + 1) * high // size[0]) + top)
            columns = slice(j * wide // size[1] + left, -(-(j + 1) * wide // size[1]) + left)
            cell = x[image, rows, columns]
            expected = cell.max((0, 1)) if cell.size else np.zeros(3)
            np.testing.assert_allclose(got[image, number, i, j], expected, rtol=1e-6)


def test_regions_survive_a_file(tmp_path):
    image, boxes = keras.Input((10, 12, 3)), keras.Input((3, 4))
    outputs = [
        RoIAlign(2, (8,), data_format="channels_last")([[image], boxes]),
        RoIPool(2, 8, data_format="channels_last")([image, boxes]),
    ]
    model = keras.Model([image, boxes], outputs)
    assert model.output_shape == [(None, 3, 2, 2, 3)] * 2
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    got, expected = (m.predict([wave(0, 10, 12), BOXES], verbose=0) for m in (again, model))
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="sampling=0: expected points of a cell"):
        RoIAlign(2, 8, sampling=0)
    with pytest.raises(ValueError, match=r"1 maps and strides=\(8, 16\)"):
        RoIAlign(2, (8, 16), data_format="channels_last")([wave(0, 10, 12), BOXES])
