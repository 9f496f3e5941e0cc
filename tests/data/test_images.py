"""Every kind of picture is decoded as a user would want, or refused in one sentence."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from kapps.data import images
from kapps.data.images import ImageError, open_image
from kapps.errors import KappsError, MissingFileError

from . import pictures
from .pictures import BLACK, BLUE, GREEN, RED, WHITE, encode


def pixels(source, channels=3):
    image = open_image(source, channels)
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    return np.asarray(image).astype(int)


def close(found, expected, tolerance=0):
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=tolerance)


# What the eight orientations of EXIF mean: where the stored first row and column are shown
# (Exif 2.3, table 6). The stored picture is red top left, green top right, blue bottom left.
CORNERS = {  # orientation -> (top left, top right, bottom left) as shown
    1: (RED, GREEN, BLUE),
    2: (GREEN, RED, WHITE),
    3: (WHITE, BLUE, GREEN),
    4: (BLUE, WHITE, RED),
    5: (RED, BLUE, GREEN),
    6: (BLUE, RED, WHITE),
    7: (WHITE, GREEN, BLUE),
    8: (GREEN, WHITE, RED),
}


def four_corners(width=64, height=32):
    image = Image.new("RGB", (width, height))
    for x, y, colour in ((0, 0, RED), (1, 0, GREEN), (0, 1, BLUE), (1, 1, WHITE)):
        half = (width // 2, height // 2)
        image.paste(colour, (x * half[0], y * half[1], (x + 1) * half[0], (y + 1) * half[1]))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", CORNERS)
def test_exif_orientation_is_applied(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    data = encode(four_corners(), kind, exif=exif, **options)
    shown = pixels(data)
    assert shown.shape == ((64, 32, 3) if orientation >= 5 else (32, 64, 3))
    corners = shown[4, 4], shown[4, -5], shown[-5, 4]
    for found, expected in zip(corners, CORNERS[orientation], strict=True):
        close(found, expected, tolerance=12)
    assert images.size_of(images.peek(data)) == shown.shape[1::-1]


@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_keeps_the_asked_size_and_orientation(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(four_corners(640, 320), "JPEG", exif=exif)
    image = open_image(data, at_least=(100, 70))
    full = (320, 640) if orientation == 6 else (640, 320)
    assert image.size[0] >= 100 and image.size[1] >= 70
    assert image.size[0] < full[0] / 1.9
    close(np.asarray(image)[4, 4], CORNERS[orientation][0], tolerance=12)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_cost_the_picture():
    data = encode(pictures.photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert pixels(data).shape == (30, 40, 3)


@pytest.mark.parametrize(
    "colour, cmyk",
    [(RED, (0, 255, 255, 0)), (WHITE, (0, 0, 0, 0)), (BLACK, (0, 0, 0, 255))],
)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(colour, cmyk, kind):
    # Pillow writes CMYK JPEGs as Adobe's programs do: inverted, with their marker.
    data = encode(Image.new("CMYK", (16, 16), cmyk), kind)
    assert b"Adobe" in data or kind == "TIFF"
    close(pixels(data), colour, tolerance=6)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind):
    stored = np.array([[0, 128, 129, 257, 1000, 32768, 65406, 65407, 65535]], np.uint16)
    data = encode(Image.fromarray(stored), kind)
    # v * 255 / 65535 = v / 257, rounded.
    expected = np.array([[0, 0, 1, 1, 4, 128, 254, 255, 255]])
    np.testing.assert_array_equal(pixels(data, channels=1), expected)
    np.testing.assert_array_equal(pixels(data), expected[..., None].repeat(3, -1))


def test_sixteen_bit_big_endian():
    stored = np.array([[0, 65535, 32768]], ">u2")
    image = Image.frombytes("I;16B", (3, 1), stored.tobytes())
    np.testing.assert_array_equal(pixels(encode(image, "TIFF"), 1), [[0, 255, 128]])


def test_thirty_two_bit_and_float():
    fits = Image.fromarray(np.array([[0, 65535]], np.int32))
    np.testing.assert_array_equal(pixels(encode(fits, "TIFF"), 1), [[0, 255]])
    too_wide = Image.fromarray(np.array([[0, 70000]], np.int32))
    with pytest.raises(ImageError, match="32-bit pixels; save it with 8 or 16 bits"):
        open_image(encode(too_wide, "TIFF"))
    unit = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
    np.testing.assert_array_equal(pixels(encode(unit, "TIFF"), 1), [[0, 128, 255]])
    for value in (2.0, -1.0, np.nan):
        image = Image.fromarray(np.array([[0, value]], np.float32))
        with pytest.raises(ImageError, match=r"floating-point pixels outside \[0, 1\]"):
            open_image(encode(image, "TIFF"))


def test_transparent_pixels_become_white():
    rgba = Image.new("RGBA", (3, 1))
    rgba.putdata([(255, 0, 0, 255), (9, 9, 9, 0), (0, 0, 0, 51)])
    expected = [[RED, WHITE, (204, 204, 204)]]  # 255 * (1 - 51 / 255)
    close(pixels(encode(rgba, "PNG")), expected)
    close(pixels(rgba), expected)
    grey = Image.new("LA", (2, 1))
    grey.putdata([(100, 255), (0, 0)])
    close(pixels(encode(grey, "PNG")), [[(100,) * 3, WHITE]])
    np.testing.assert_array_equal(pixels(encode(grey, "PNG"), channels=1), [[100, 255]])


def test_opaque_alpha_changes_nothing():
    image = pictures.noise(20, 10)
    opaque = image.copy()
    opaque.putalpha(255)
    np.testing.assert_array_equal(pixels(encode(opaque, "PNG")), np.asarray(image))


def test_palette_with_and_without_transparency():
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putdata([0, 1])
    close(pixels(encode(palette, "PNG")), [[RED, BLUE]])
    close(pixels(encode(palette, "GIF")), [[RED, BLUE]])
    close(pixels(encode(palette, "PNG", transparency=0)), [[WHITE, BLUE]])
    close(pixels(encode(palette, "PNG", transparency=bytes([255, 0]))), [[RED, WHITE]])


def test_colour_key_transparency():
    image = Image.new("RGB", (2, 1))
    image.putdata([RED, BLUE])
    close(pixels(encode(image, "PNG", transparency=BLUE)), [[RED, WHITE]])
    grey = Image.new("L", (2, 1))
    grey.putdata([10, 200])
    close(pixels(encode(grey, "PNG", transparency=200), channels=1), [[10, 255]])


def test_black_and_white_and_other_modes():
    bits = Image.new("1", (2, 1))
    bits.putdata([0, 255])
    close(pixels(encode(bits, "PNG")), [[BLACK, WHITE]])
    close(pixels(Image.new("YCbCr", (2, 2), (255, 128, 128))), WHITE)
    close(pixels(Image.new("HSV", (2, 2), (0, 255, 255))), RED)
    close(pixels(encode(Image.new("LAB", (2, 2), (255, 128, 128)), "TIFF")), WHITE, tolerance=2)


def test_grey_to_rgb_and_back():
    grey = Image.new("L", (2, 1))
    grey.putdata([7, 200])
    close(pixels(encode(grey, "PNG")), [[(7,) * 3, (200,) * 3]])
    # ITU-R 601-2, as Pillow documents it for convert("L").
    close(pixels(Image.new("RGB", (2, 2), (100, 150, 200)), channels=1), 141, tolerance=1)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_many(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in (GREEN, RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    close(pixels(data), GREEN)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_one_pixel(kind):
    close(pixels(encode(Image.new("RGB", (1, 1), WHITE), kind)), WHITE, tolerance=2)


def test_non_ascii_name(tmp_path):
    path = tmp_path / "фото 猫 – é.jpg"
    pictures.photo().save(path)
    assert open_image(path).size == open_image(str(path)).size == (40, 30)
    path.write_bytes(pictures.truncated_jpeg())
    with pytest.raises(ImageError, match="фото 猫 – é.jpg is damaged"):
        open_image(path)


def test_kinds_of_source(tmp_path):
    image = pictures.noise(5, 4)
    path = tmp_path / "a.png"
    image.save(path)
    expected = np.asarray(image)
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(pixels(source), expected)
    with path.open("rb") as file:
        np.testing.assert_array_equal(pixels(file), expected)
    np.testing.assert_array_equal(pixels(image), expected)
    np.testing.assert_array_equal(pixels(expected), expected)
    np.testing.assert_array_equal(pixels(expected[..., :1], channels=1), expected[..., 0])
    np.testing.assert_array_equal(pixels(expected[..., 0]), expected[..., :1].repeat(3, -1))


def refused(data: bytes, message: str, tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=message) as error:
        open_image(path)
    sentence = str(error.value)
    assert "picture.jpg" in sentence and "\n" not in sentence
    assert isinstance(error.value, KappsError) and isinstance(error.value, ValueError)
    with pytest.raises(ImageError):
        images.check(path)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("make", [pictures.truncated_jpeg, pictures.truncated_png])
def test_truncated_is_refused(make, keep, tmp_path):
    refused(make(keep), "is damaged|not a picture", tmp_path)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_truncated_other_formats_are_refused(kind, tmp_path):
    data = encode(pictures.noise(64, 64), kind)
    refused(data[: len(data) // 2], "is damaged|not a picture", tmp_path)


def test_empty_and_foreign_files_are_refused(tmp_path):
    refused(b"", r"is empty \(0 bytes\)", tmp_path)
    refused(b"<!doctype html><title>404</title>", "not a picture in a format", tmp_path)
    refused(bytes(1000), "not a picture in a format", tmp_path)
    refused(b"%PDF-1.7\n", "not a picture in a format", tmp_path)
    refused(pictures.heic(), "HEIC photo.*pillow-heif", tmp_path)


def test_decompression_bomb_is_refused_with_its_size(tmp_path):
    refused(pictures.bomb(), "has 900000000 pixels, more than the limit of 178956970", tmp_path)


def test_decompression_bomb_where_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="has 100000000 pixels"):
            open_image(pictures.bomb(10_000, 10_000))


def test_large_photo_is_no_bomb():
    # 108 megapixels, as phones take them: only a warning of Pillow's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = images.peek(pictures.bomb(12_000, 9_000))
    assert images.size_of(header) == (12_000, 9_000)


def test_wrong_sources(tmp_path):
    with pytest.raises(MissingFileError, match="nothing.jpg does not exist"):
        open_image(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        open_image(tmp_path)
    with pytest.raises(TypeError, match="of type int is not understood"):
        open_image(3)
    with pytest.raises(TypeError, match="array of float32"):
        open_image(np.zeros((4, 4, 3), np.float32))
    for shape in ((4, 4, 2), (4,), (1, 4, 4, 3), (0, 4, 3)):
        with pytest.raises(ImageError, match="shape"):
            open_image(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="channels=4"):
        open_image(np.zeros((4, 4, 3), np.uint8), channels=4)


def test_check_accepts_what_decodes(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for data in (
        encode(pictures.photo(), "JPEG"),
        encode(pictures.photo(), "JPEG", progressive=True, exif=exif),
        encode(pictures.photo(), "JPEG") + b"camera maker's trailer",
        encode(pictures.photo(), "PNG"),
        encode(pictures.photo(), "WEBP"),
        encode(pictures.photo(), "GIF"),
    ):
        images.check(data)
    images.check(np.zeros((3, 3, 3), np.uint8))
