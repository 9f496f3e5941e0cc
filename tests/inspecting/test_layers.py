"""The layer table and memory, against numbers computed by hand."""

import keras
import pytest
from keras import layers

from kapps.applications import VGG16, LeNet5, MobileNetV2
from kapps.inspect import inference_memory, layer_table, training_memory


def rows(model, **arguments):
    return {row.name: row for row in layer_table(model, **arguments)}


def test_spelled_out_as_by_hand():
    # The notes of CS231n, "VGGNet in detail": CONV3-64 has (3*3*3)*64 weights and 224x224x64
    # numbers, POOL2 halves. LeNet-5: LeCun et al. (1998), section II.B: F6 has 10,164 weights.
    found = rows(VGG16(weights=None, include_top=False, input_shape=(224, 224, 3)))
    first = found["stage1_block1_conv"]
    assert first.params_formula == "(3x3x3 + 1) x 64 = 1,792"
    assert first.size_formula == "ceil(224 / 1) = 224"
    assert first.macs == 224 * 224 * 1728
    assert first.activations == 4 * 224 * 224 * 64
    assert found["stage1_pool"].size_formula == "(224 - 2) / 2 + 1 = 112"
    dense = [row for row in layer_table(LeNet5()) if row.kind == "Dense"][0]
    assert dense.params_formula == "(120 + 1) x 84 = 10,164"
    assert dense.receptive_field is not None  # C5 has one position, which sees all 32 pixels


def test_depthwise_dilated_and_normalised():
    image = keras.Input((33, 33, 8))
    x = layers.DepthwiseConv2D(3, dilation_rate=2, use_bias=False, name="depthwise")(image)
    x = layers.BatchNormalization(name="norm")(x)
    found = rows(keras.Model(image, x))
    depthwise = found["depthwise"]
    assert depthwise.params_formula == "(3x3) x 8 = 72"
    assert depthwise.size_formula == "(33 - 5) / 1 + 1 = 29"
    assert depthwise.receptive_field == (5, 5) and depthwise.dilation == (2, 2)
    assert found["norm"].params_formula == "4 x 8 = 32"


def test_floor_is_written_where_pixels_are_lost():
    image = keras.Input((224, 224, 3))
    x = layers.Conv2D(4, 3, strides=2, name="conv")(image)
    assert rows(keras.Model(image, x))["conv"].size_formula == "floor((224 - 3) / 2) + 1 = 111"


def test_memory_by_hand():
    image = keras.Input((4, 4, 1))
    a = layers.Conv2D(2, 1, name="a")(image)  # 32 numbers
    b = layers.Activation("relu", name="b")(a)  # 32
    model = keras.Model(image, layers.Add(name="c")([a, b]))  # 32; a lives until then
    assert model.count_params() == 4
    answering = inference_memory(model, batch_size=3)
    assert (answering.weights, answering.activations) == (16, 3 * 4 * 96)
    training = training_memory(model, batch_size=3, precision="bfloat16")
    assert training.activations == 3 * 2 * (16 + 96)
    assert (training.gradients, training.optimizer) == (16, 32)
    assert training.total == 16 + 672 + 16 + 32


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="give size="):
        layer_table(MobileNetV2(weights=None, include_top=False))
    with pytest.raises(ValueError, match="batch_size=0"):
        training_memory(LeNet5(), batch_size=0)
    with pytest.raises(ValueError, match="precision='int4'"):
        inference_memory(LeNet5(), precision="int4")
