"""BN-Inception against the network that pretrainedmodels ported from Caffe."""

import math

from kapps.applications import InceptionV2, facts
from tests.parity import goldens


def test_parameters():
    assert facts("InceptionV2")["params"] == 11_295_240
    model = InceptionV2(weights=None, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.non_trainable_variables) == 20_032


def test_equals_pretrainedmodels():
    assert goldens.relative_error("pretrainedmodels/bninception") <= 1e-5


def test_stage_widths_and_strides():
    # Figure 5 of the paper; 4c and 4d are 32 wider in the published network.
    pyramid = InceptionV2.features(weights=None, input_shape=(224, 224, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (56, 56, 192),
        (28, 28, 320),
        (14, 14, 608),
        (7, 7, 1024),
    ]
