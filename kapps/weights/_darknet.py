"""Darknet's .weights: a header, and the numbers of all layers in the order of the configuration.

There are no names and no shapes: who reads it must know the network; see
`kapps.weights.dialects._darknet`. Source: `save_weights` of Darknet (Redmon, 2013 to 2018).
"""

import struct
from pathlib import Path

import numpy as np

VALUES = "darknet"  # what the one array of such a file is called
NEWEST = 10  # higher numbers than there ever were of a version


def is_darknet(start: bytes) -> bool:
    """Whether a file begins with these bytes: three numbers of a version, 0.1.0 or a little later.

    Versions above 1000, which Darknet takes as a sign of transposed matrices, were never published.
    """
    if len(start) < 16:
        return False
    version = struct.unpack_from("<3i", start)
    return all(0 <= number < NEWEST for number in version) and version[:2] != (0, 0)


def read(path: Path) -> dict[str, np.ndarray]:
    """{"darknet": float32 (n,)}.

    Raises:
        Exception: the file ends in the middle of a number.
    """
    content = path.read_bytes()
    major, minor, _ = struct.unpack_from("<3i", content)
    # Then how many pictures it has seen in training, as the machines of its time counted.
    header = 12 + (8 if 10 * major + minor >= 2 else 4)
    if len(content) < header or (len(content) - header) % 4:
        raise ValueError("it ends in the middle of a number")
    return {VALUES: np.frombuffer(content, "<f4", offset=header)}
