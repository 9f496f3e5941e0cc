"""Pictures that tests write: plain ones, class folders, and files as the world really has them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3, (0,) * 3


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(width: int = 40, height: int = 30, seed: int = 0) -> Image.Image:
    """A smooth picture, so that JPEG keeps it nearly as it is; each seed has another colour."""
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(seed)
    base = rng.integers(40, 160, 3)
    ramp = np.stack([x * 60 / width, y * 60 / height, (x + y) * 30 / (width + height)], -1)
    return Image.fromarray((base + ramp).astype(np.uint8))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Every pixel random: any shift of a resize or crop shows."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def write_class_folders(root: Path, counts: dict[str, int], size: tuple[int, int] = (40, 30)):
    """root/NAME/0.jpg, 1.jpg, ... for each class; each picture differs."""
    for number, (name, count) in enumerate(counts.items()):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            photo(*size, seed=1000 * number + i).save(folder / f"{i}.jpg", quality=95)


def truncated_jpeg(keep: float = 0.5) -> bytes:
    data = encode(noise(64, 64), "JPEG")
    return data[: int(len(data) * keep)]


def truncated_png(keep: float = 0.5) -> bytes:
    data = encode(noise(64, 64), "PNG")
    return data[: int(len(data) * keep)]


def png_damaged_inside() -> bytes:
    """Right header and right ending; only decoding finds the damage between."""
    data = bytearray(encode(photo(200, 200), "PNG"))
    middle = len(data) // 2
    data[middle : middle + 64] = b"\xff" * 64
    return bytes(data)


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few hundred bytes whose header promises 900 million pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    png = b"\x89PNG\r\n\x1a\n"
    return png + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def heic() -> bytes:
    """The first bytes of an iPhone photo."""
    return struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(40)
