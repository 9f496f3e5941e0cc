"""GoogLeNet: the paper's by its numbers, the normalised one against torchvision."""

import numpy as np
import pytest

from kapps.applications import GoogLeNet, InceptionV1BN, facts
from tests.parity import goldens

# Of the first golden image: what torchvision's own aux1 and aux2 say, in float64.
SIDES = (
    (2.0233390510228024, -0.13785234432476162, -0.5624992373488581, 2.043693040148201),
    (3.0206852896917023, 1.7412490006165395, -2.9724012913538562, -0.6687061766422943),
)


def test_parameters():
    # Table 1 with biases; torchvision without the classifiers on the side, and with them.
    assert facts("GoogLeNet")["params"] == 6_998_552
    assert facts("InceptionV1BN")["params"] == 6_624_904
    model = InceptionV1BN(weights=None, aux=True)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 13_004_888


def test_equals_torchvision():
    (main, *sides), expected = goldens.logits("torchvision/googlenet", aux=True)
    assert np.abs(main - expected).max() <= 1e-5 * np.abs(expected).max()
    for side, reference in zip(sides, SIDES, strict=True):
        np.testing.assert_allclose(side[0, :4], reference, atol=5e-5)  # 1e-5 of the largest


@pytest.mark.sweep
def test_equals_torchvision_without_classifiers_on_the_side():
    assert goldens.relative_error("torchvision/googlenet") <= 1e-5


def test_stage_widths_and_strides():
    # Table 1 of the paper.
    pyramid = GoogLeNet.features(weights=None, input_shape=(224, 224, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (56, 56, 192),
        (28, 28, 480),
        (14, 14, 832),
        (7, 7, 1024),
    ]


def test_the_paper_pools_to_4x4_for_its_sides():
    # Section 5: 4x4x512 for 4a, 4x4x528 for 4d.
    model = GoogLeNet(weights=None, aux=True)
    shapes = [model.get_layer(f"aux{i}_pool").output.shape[1:] for i in (1, 2)]
    assert shapes == [(4, 4, 512), (4, 4, 528)]
    assert model.output_names == ["predictions", "aux1_predictions", "aux2_predictions"]
