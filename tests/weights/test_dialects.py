"""Names and layouts of other libraries become ours."""

import numpy as np
import pytest

from kapps.errors import WeightsError
from kapps.weights import dialects
from kapps.weights.dialects import Dialect, Target

LAYERS = {
    "stem_conv": Target("conv", {"kernel": (3, 3, 3, 4)}),
    "stem_norm": Target("norm", {"gamma": (4,), "moving_variance": (4,)}),
    "stage1_block1_depthwise_conv": Target("depthwise", {"kernel": (3, 3, 4, 2)}),
    "stage2_block1_expand_conv": Target("conv", {"kernel": (1, 1, 8, 2)}),
    "predictions": Target("dense", {"kernel": (2, 5), "bias": (5,)}),
}
ROWS = (
    (r"stem", "stem_conv"),
    (r"bn", "stem_norm"),
    (r"blocks\.(\d+)\.dw", "{0:block}_depthwise_conv"),
    (r"blocks\.(\d+)\.pw", "stage{0:+1}_block1_expand_conv"),
    (r"head", "predictions"),
)
TORCH = Dialect("torch", "torch", rows=ROWS, ignore=(r"aux\..*",))


def test_torch_kernels_are_turned():
    conv = np.random.rand(4, 3, 3, 3)
    dense = np.random.rand(5, 2)
    got = TORCH.translate({"stem.weight": conv, "head.weight": dense}, LAYERS)
    np.testing.assert_array_equal(got["stem_conv/kernel"], conv.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(got["predictions/kernel"], dense.T)


def test_a_depthwise_kernel_keeps_its_multiplier_last():
    # torch groups: output channel c * m + j filters input channel c (torch.nn.Conv2d's groups).
    kernel = np.random.rand(8, 1, 3, 3)
    got = TORCH.translate({"blocks.0.dw.weight": kernel}, LAYERS)
    got = got["stage1_block1_depthwise_conv/kernel"]
    assert got.shape == (3, 3, 4, 2)
    np.testing.assert_array_equal(got[:, :, 3, 1], kernel[7, 0])


def test_leaves_of_a_normalisation_have_names_of_their_own():
    got = TORCH.translate({"bn.weight": np.ones(4), "bn.running_var": np.ones(4)}, LAYERS)
    assert list(got) == ["stem_norm/gamma", "stem_norm/moving_variance"]


def test_numbers_count_from_one_and_through_all_stages():
    got = TORCH.translate({"blocks.1.pw.weight": np.ones((2, 8, 1, 1))}, LAYERS)
    assert list(got) == ["stage2_block1_expand_conv/kernel"]


def test_a_convolution_of_one_pixel_is_a_dense_layer():
    kernel = np.random.rand(5, 2, 1, 1)
    got = TORCH.translate({"head.weight": kernel}, LAYERS)["predictions/kernel"]
    np.testing.assert_array_equal(got, kernel[:, :, 0, 0].T)


def test_what_carries_nothing_is_left_out():
    arrays = {"bn.num_batches_tracked": np.array(3), "aux.conv.weight": np.ones(2)}
    assert TORCH.translate(arrays, LAYERS) == {}


def test_keras_2_called_a_depthwise_kernel_otherwise():
    keras2 = Dialect("keras", "keras", rows=((r"dw", "stage1_block1_depthwise_conv"),))
    got = keras2.translate({"dw/depthwise_kernel": np.ones((3, 3, 4, 2))}, LAYERS)
    assert list(got) == ["stage1_block1_depthwise_conv/kernel"]


def test_the_dialect_of_a_file_is_found_by_its_names():
    assert dialects.detect("mobilenet_v2", ["conv_stem.weight"], set(), "f").name == "timm"
    assert dialects.detect("mobilenet_v2", ["Conv1/kernel"], set(), "f").name == "keras"
    assert dialects.detect("mobilenet_v2", ["features.0.0.weight"], set(), "f").name == (
        "torchvision"
    )
    own = dialects.detect("mobilenet_v2", ["stem_conv/kernel"], {"stem_conv"}, "f")
    assert own is dialects.KAPPS


def test_a_file_of_something_else_is_refused_by_name():
    with pytest.raises(
        WeightsError, match=r"f.pth does not belong to mobilenet_v2: the tensor 'w'"
    ):
        dialects.detect("mobilenet_v2", ["conv_stem.weight", "w"], set(), "f.pth")
