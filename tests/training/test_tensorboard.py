import pytest
import tensorflow as tf

from kapps.training.tensorboard import ScalarWriter, crc32c


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
    writer = ScalarWriter(tmp_path / "tensorboard")
    writer.add(1, {"train/loss": 0.5, "train/accuracy": 0.25})
    writer.add(300, {"train/loss": 0.125})
    events = list(tf.compat.v1.train.summary_iterator(str(writer.path)))  # checks every CRC
    assert events[0].file_version == "brain.Event:2"
    assert all(event.wall_time > 1.7e9 for event in events)
    found = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    expected = [(1, "train/loss", 0.5), (1, "train/accuracy", 0.25), (300, "train/loss", 0.125)]
    assert found == expected


def test_each_writer_has_its_own_file(tmp_path):
    assert ScalarWriter(tmp_path).path != ScalarWriter(tmp_path).path
