"""Transposed convolution against torch's ConvTranspose2d and, for "same", the gradient's rule."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, conv_transpose, conv_transpose_norm_act

TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]
# torch.nn.functional.conv_transpose2d of [[1, 2], [3, 4]] with stride 2, padding (k - 1) // 2 and
# output_padding k % 2; the kernels of two filters count 0.1, 0.2, ... row by row. First filter.
TORCH = {
    2: [[0.1, 0.2, 0.2, 0.4], [0.3, 0.4, 0.6, 0.8], [0.3, 0.6, 0.4, 0.8], [0.9, 1.2, 1.2, 1.6]],
    3: [[0.5, 1.4, 1.0, 1.2], [1.4, 3.6, 2.4, 3.0], [1.5, 3.4, 2.0, 2.4], [2.4, 5.5, 3.2, 3.6]],
    4: [[0.6, 1.7, 2.0, 1.4], [1.6, 4.2, 5.2, 3.4], [3.2, 8.2, 9.2, 5.8], [3.0, 6.9, 7.6, 4.4]],
}


def built(block, kernel_size, data_format, padding):
    nn = Blocks(data_format=data_format, padding=padding)
    image = keras.Input((2, 2, 1) if data_format == "channels_last" else (1, 2, 2))
    model = keras.Model(image, block(image, nn, 2, kernel_size, name="up"))
    x = np.arange(1, 5, dtype="float32").reshape(1, *image.shape[1:])
    return model, x


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("kernel_size", TORCH)
def test_symmetric_is_torchs(kernel_size, data_format):
    model, x = built(conv_transpose, kernel_size, data_format, "symmetric")
    kernel = (np.arange(2 * kernel_size**2) + 1) / 10  # (in 1, out 2, height, width)
    kernel = kernel.reshape(1, 2, kernel_size, kernel_size).transpose(2, 3, 1, 0)
    model.get_layer("up").set_weights([kernel, np.zeros(2)])
    y = model.predict(x, verbose=0)
    assert model.output_shape[1:] == y.shape[1:]
    y = y[0, :, :, 0] if data_format == "channels_last" else y[0, 0]
    np.testing.assert_allclose(y, TORCH[kernel_size], rtol=1e-6)


def test_same_crops_as_tensorflow():
    # The transpose of a strided "same" convolution, whose odd zero is at the end.
    model, x = built(conv_transpose, 3, "channels_last", "same")
    kernel = np.ones((3, 3, 2, 1))
    model.get_layer("up").set_weights([kernel, np.zeros(2)])
    expected = [[1, 1, 3, 2], [1, 1, 3, 2], [4, 4, 10, 6], [3, 3, 7, 4]]
    np.testing.assert_allclose(model.predict(x, verbose=0)[0, :, :, 0], expected, rtol=1e-6)


def test_the_block_names_its_layers():
    model, _ = built(conv_transpose_norm_act, 4, "channels_last", "symmetric")
    names = [layer.name for layer in model.layers[1:]]
    assert names == ["up_conv", "up_conv_crop", "up_norm", "up_act"]
    assert not model.get_layer("up_conv").use_bias
