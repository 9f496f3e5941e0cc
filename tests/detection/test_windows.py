"""A classifier that looks at one part of an image after the other."""

import keras
import numpy as np
import pytest

from kapps.detection.windows import CONTEXT, classified, sliding_window, warped, windows


@pytest.fixture(scope="module")
def model():
    """Red, green, or neither, by the mean colour of 8 x 8 pixels."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(3, "softmax")
    model = keras.Model(image, dense(x))
    dense.set_weights([np.float32([[20, 0, 0], [0, 20, 0], [0, 0, 0]]), np.float32([0, 0, 15])])
    return model


def picture():
    image = np.zeros((64, 80, 3), np.uint8)
    image[16:32, 32:48, 0] = 255
    image[40:56, 64:80, 1] = 255
    return image


def test_windows_cover_the_image():
    found = windows((64, 80), 16, 0.5, (1, 3, 9))
    assert len(found) == 7 * 9 + 2 * 3  # nine times the side fits nowhere
    assert found[0].tolist() == [0, 0, 16, 16] and found[-1].tolist() == [32, 16, 80, 64]
    with pytest.raises(ValueError, match="side=100 fits into no image of 64 x 80"):
        windows((64, 80), 100)
    with pytest.raises(ValueError, match="stride=0"):
        windows((64, 80), 8, 0)


def test_squares_are_where_they_are(model):
    found = sliding_window(model, picture(), 16, background=2, threshold=0.9)
    order = np.argsort(found["classes"])
    assert found["classes"][order].tolist() == [0, 1]
    assert found["boxes"][order].tolist() == [[32, 16, 48, 32], [64, 40, 80, 56]]
    assert (found["scores"] > 0.98).all()


def test_regions_are_warped_with_what_is_around_them(model):
    """Appendix A of R-CNN: 16 of 227 pixels on each side."""
    boxes = np.float32([[32, 16, 48, 32], [64, 40, 80, 56]])
    assert (warped(picture(), boxes, (8, 8))[0] == [255, 0, 0]).all()
    large = picture().repeat(4, axis=0).repeat(4, axis=1)
    parts = warped(large, 4 * boxes, (227, 227), CONTEXT)
    inside = (parts[0, 113, :, 0] > 127).nonzero()[0]
    assert abs(inside[0] - 16) <= 1 and abs(inside[-1] - 210) <= 1
    mean = picture().mean(axis=(0, 1)).round()
    np.testing.assert_array_equal(parts[1, 113, -4], mean)  # beyond the edge
    one = classified(model, picture(), boxes[:1], background=2)
    assert one["classes"].tolist() == [0]
    logits = keras.Model(model.input, keras.layers.Rescaling(9.0)(model.output))
    with pytest.raises(ValueError, match="expected a probability for each class"):
        classified(logits, picture(), boxes)
