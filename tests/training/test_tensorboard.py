import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kapps.reports import drawing, page
from kapps.tasks.findings import Facts, Matrix, Sample, Samples
from kapps.training.tensorboard import Writer, crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_crc32c(data, expected):
    assert crc32c(data) == expected


def test_tensorflow_reads_the_scalars(tmp_path):
    writer = Writer(tmp_path / "tensorboard")
    writer.add(1, {"train/loss": 0.5, "train/accuracy": 0.25})
    writer.add(300, {"train/loss": 0.125})
    events = list(tf.compat.v1.train.summary_iterator(str(writer.path)))  # checks every CRC
    assert events[0].file_version == "brain.Event:2"
    assert all(event.wall_time > 1.7e9 for event in events)
    found = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    expected = [(1, "train/loss", 0.5), (1, "train/accuracy", 0.25), (300, "train/loss", 0.125)]
    assert found == expected


def test_each_writer_has_its_own_file(tmp_path):
    assert Writer(tmp_path).path != Writer(tmp_path).path


def test_tensorboard_reads_histograms_and_images(tmp_path):
    values = np.array([[-1.0, 0.0, 0.5], [0.5, 2.0, 5.0]], "float32")
    writer = Writer(tmp_path)
    writer.add_histograms(3, {"weights": values})
    writer.add_images(3, drawing.images([Matrix("Confusion", "", ["a", "b"], [[3, 1], [0, 9]])]))
    read = EventAccumulator(str(tmp_path), {"images": 0, "histograms": 0}).Reload()
    (event,) = read.Histograms("weights")
    found = event.histogram_value
    assert (event.step, found.min, found.max, found.num, found.sum) == (3, -1.0, 5.0, 6, 7.0)
    assert found.sum_squares == 30.5
    counts, edges = np.histogram(values, 30)
    np.testing.assert_array_equal(found.bucket, counts)
    np.testing.assert_allclose(found.bucket_limit, edges[1:], rtol=1e-6)
    (event,) = read.Images("Confusion")
    picture = Image.open(io.BytesIO(event.encoded_image_string))
    assert picture.size == (event.width, event.height)


def test_findings_as_pictures():
    """A row's colours are its shares: all right is strong blue, wrong is red, none is pale."""
    counts = Matrix("Confusion", "", ["cat", "dog"], [[4, 0], [2, 2]])
    picture = drawing.matrix(counts)
    edge = picture.width - 4 - 2 * 40
    cells = [picture.getpixel((edge + 40 * j + 3, edge + 40 * i + 3)) for i, j in np.ndindex(2, 2)]
    right, none, wrong, half = np.array(cells, int)
    assert right[2] - right[0] > half[2] - half[0] > none[2] - none[0] > -20
    assert wrong[0] - wrong[2] > 60
    red = page.data_url(np.full((8, 8, 3), (255, 0, 0), "uint8"))
    rows = [Sample(i, "dog 90%, is cat", False, red) for i in range(8)] + [Sample(9, "gone")]
    found = drawing.images([Facts("Answers"), counts, Samples("Worst answers", "", rows)])
    assert list(found) == ["Confusion", "Worst answers"]
    png, width, height = found["Worst answers"]
    sheet = Image.open(io.BytesIO(png))
    assert (sheet.size, sheet.size) == ((width, height), (6 * 108, 2 * 136))
    assert sheet.getpixel((108 + 54, 136 + 54)) == (255, 0, 0)
    assert sheet.getpixel((2 * 108 + 54, 136 + 54)) == (255, 255, 255)
