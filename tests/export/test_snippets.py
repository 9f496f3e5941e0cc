"""The code for phones.

What the Kotlin computes was compared with kapps by a Kotlin compiler, over stand-ins of Android's
classes: every kind of output and code of boxes. The Swift was read by a parser of Swift alone.
"""

import itertools

import pytest

from kapps.data import Transform
from kapps.export import bundle, snippets


def spec(mode="center", dtype="uint8", channels=3, **transform):
    quantization = {"scale": 0.00390625, "zero_point": 3} if dtype == "uint8" else None
    return {
        "input": {"shape": [1, 224, 192, channels], "dtype": dtype},
        "output": {"shape": [1, 7], "quantization": quantization},
        "resize": bundle.resize_rule(Transform(size=(224, 192), crop_mode=mode, **transform)),
    }


@pytest.mark.parametrize(
    "mode, dtype, channels",
    itertools.product(("center", "squash", "border"), ("uint8", "float32"), (1, 3)),
)
def test_brackets_close_and_nothing_is_left_to_fill_in(mode, dtype, channels):
    for section in snippets.phone(spec(mode, dtype, channels)):
        code = section.split("```")[1]
        for opening, closing in ("()", "{}", "[]"):
            assert code.count(opening) == code.count(closing) > 0
        assert "{}" not in code and "None" not in code


def test_the_photo_is_cut_as_the_model_was_evaluated():
    # floor(224 / 0.875) = 256 rows and floor(192 / 0.875) = 219 columns are covered.
    kotlin, swift = snippets.phone(spec(crop_pct=0.875))
    assert "maxOf(219f / image.width, 256f / image.height)" in kotlin
    assert "max(219 / CGFloat(photo.width), 256 / CGFloat(photo.height))" in swift
    assert "createBitmap(192, 224, " in kotlin and "width: 192, height: 224" in swift
    assert "drawRGB" not in kotlin and "setFillColor" not in swift


def test_borders_have_the_colour_of_the_transform():
    values = spec("border", crop_pct=1.0, fill=(1, 2, 3))
    kotlin, swift = snippets.phone(values)
    assert "minOf(192f / image.width" in kotlin and "canvas.drawRGB(1, 2, 3)" in kotlin
    assert "red: 1 / 255, green: 2 / 255, blue: 3 / 255" in swift
    assert values["resize"]["rule"].startswith("resize to fit into 192x224")
    assert "background of RGB (1, 2, 3)" in values["resize"]["rule"]


def test_numbers_of_the_tensors():
    kotlin, swift = snippets.phone(spec())
    assert "allocateDirect(224 * 192 * 3)" in kotlin and ".toByte())  // red" in kotlin
    assert "((it.toInt() and 0xFF) - 3) * 0.00390625f" in kotlin
    assert "(Float($0) - 3) * 0.00390625" in swift
    kotlin, swift = snippets.phone(spec(dtype="float32"))
    assert "allocateDirect(224 * 192 * 3 * 4)" in kotlin and "putFloat(" in kotlin
    assert "bindMemory(to: Float32.self)" in swift


def test_an_image_that_is_no_photo_gets_a_sentence():
    (text,) = snippets.phone(spec(channels=4))
    assert "4 channels" in text and "```" not in text


@pytest.mark.parametrize("kind", ("boxes", "background", "set"))
def test_a_thing_found_once_is_not_suppressed_and_nothing_is_no_label(kind):
    values = spec("squash", "float32")
    ends = {"boxes": [1, 5, 4], "scores": [1, 5, 3]}
    forms = {"dtype": "float32", "quantization": None}
    named = {
        name: {"index": i, "name": name, "shape": shape, **forms}
        for i, (name, shape) in enumerate(ends.items())
    }
    values["output"] = {"kind": kind, **named}
    for code, suppression in zip(
        snippets.phone(values), ("kept.none", "kept.contains"), strict=True
    ):
        assert ("overlap(" in code) == (suppression in code) == (kind != "set")
        assert code.count("{") == code.count("}") and "@" not in code.replace("mAP@", "")
        assert ("label in 1" in code) == (kind == "background")
        assert "labels[one.label]" in code  # it draws what it found


def test_masks_are_read_and_painted():
    values = spec()
    form = {"shape": [1, 224, 192, 3], "dtype": "uint8", "quantization": None}
    values["output"] = {**form, "kind": "masks"}
    kotlin, swift = snippets.phone(values)
    assert "allocateDirect(224 * 192 * 3)" in kotlin and "0x000000, 0x800000, 0x008000" in kotlin
    assert "for (number in 0 until 3)" in kotlin and "fun classify" not in kotlin
    assert "bindMemory(to: UInt8.self)" in swift and "let first = pixel * 3" in swift
    values["output"]["dtype"] = "float32"
    kotlin, swift = snippets.phone(values)
    assert "192 * 3 * 4)" in kotlin and "output.getFloat()" in kotlin
    assert "bindMemory(to: Float32.self)" in swift
