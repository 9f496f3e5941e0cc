"""Diagrams: graphs read, folded and laid out; what is drawn is where it belongs."""

import re
from xml.etree import ElementTree

import keras
import pytest
from keras import layers

from kapps.applications import ResNet20
from kapps.errors import KappsError
from kapps.inspect import drawing, folding, graph, traits
from kapps.inspect.graph import Box
from kapps.recipes import draw

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def resnet():
    return graph.boxes(ResNet20(weights=None, classes=10))


def residual(x, name=None):
    y = layers.Conv2D(4, 3, padding="same")(x)
    y = layers.Conv2D(4, 3, padding="same")(y)
    return layers.Activation("relu")(layers.Add(name=name)([x, y]))


def test_a_resnet_of_section_4_2_is_folded_to_its_stages(resnet):
    # He et al. (2015): 3 stages of 3 blocks; the first of stages 2 and 3 halves the map.
    found = {box.name: box for box in folding.fold(resnet)}
    assert len(resnet) > 70 and len(found) == 10
    assert found["stage1_block1"].text == "3 times: 3x3 Conv, 3x3 Conv, sum"
    assert found["stage3_block2"].text == "2 times: 3x3 Conv, 3x3 Conv, sum"
    assert found["stage3_block2"].shape == "8x8x64"
    assert found["stage3_block2"].parents == ("stage3_block1",)
    assert found["stem_conv"].text == "3x3 Conv, 16 filters + batch norm + relu"
    assert sum(box.count for box in found.values()) == len(resnet)


def test_the_traits_of_that_resnet():
    # Section 4.2: widths 16, 32, 64; 6n + 2 layers with weights, n = 3; the shortcuts have none.
    found = traits(ResNet20(weights=None, classes=10))
    assert found["blocks"] == "3, 3, 3" and found["widths"] == "16, 32, 64"
    assert found["layers with weights"] == 20 and found["kernels"] == "3x3 (19)"
    assert found["sums"] == 9 and found["depthwise"] == "" and found["input"] == "32x32x3"


def test_blocks_without_names_are_found_by_their_shape():
    image = x = keras.Input((8, 8, 4))
    for _ in range(5):
        x = residual(x)
    left, right = layers.Conv2D(2, 1)(x), layers.MaxPooling2D(3, 1, "same")(x)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Concatenate()([left, right])))
    _, blocks, branches, _ = folding.fold(graph.boxes(model))
    assert blocks.text == "5 times: 3x3 Conv, 3x3 Conv, sum" and blocks.count == 20
    assert branches.text == "1x1 Conv, 3x3 MaxPooling, Concatenate"


def test_a_sequential_model_is_a_graph():
    """As a file holds it, too: what it is made of lies inside of it."""
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(name="flat")])
    assert [box.name for box in graph.boxes(model)][-1] == "flat"
    with pytest.raises(ValueError, match="without a graph of layers"):
        graph.boxes(keras.Sequential([keras.layers.Flatten()]))


def test_a_box_has_the_name_of_its_layer_and_not_of_its_padding():
    rows = [Box("a", "InputLayer", "a"), Box("conv_pad", "ZeroPadding2D", "pad", "", ("a",))]
    rows += [Box("conv", "Conv2D", "3x3 Conv", "9x9x2", ("conv_pad",))]
    rows += [Box("b", "Flatten", "b", "", ("conv",))]
    found = folding.fold(rows)
    assert [(box.name, box.parents) for box in found] == [
        ("a", ()), ("conv", ("a",)), ("b", ("conv",)),
    ]  # fmt: skip
    assert found[1].text == "3x3 Conv" and found[1].count == 2


def test_a_name_that_would_feed_itself_is_not_folded():
    rows = [Box("a", "Conv2D", "a"), Box("block1_x", "Conv2D", "x", "", ("a",))]
    rows += [Box("b", "Conv2D", "b", "", ("block1_x",))]
    rows += [Box("block1_y", "Conv2D", "y", "", ("b",))]
    assert [box.name for box in folding.fold(rows)] == ["a", "block1_x", "b", "block1_y"]


def rects(text):
    root = ElementTree.fromstring(text)
    found = [
        [float(r.get(k)) for k in ("x", "y", "width", "height")] for r in root.iter(SVG + "rect")
    ]
    return root, found


@pytest.mark.parametrize("whole", [True, False])
def test_boxes_do_not_overlap_and_lie_on_the_picture(resnet, whole):
    boxes = folding.fold(resnet) if whole else graph.part(resnet, "stage2")
    root, found = rects(drawing.svg(boxes))
    width, height = float(root.get("width")), float(root.get("height"))
    assert len(found) == len(boxes) + (0 if whole else 2)  # a part has its input and its output
    for i, (x, y, w, h) in enumerate(found):
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
        for a, b, c, d in found[:i]:
            assert x >= a + c or a >= x + w or y >= b + d or b >= y + h
    heads = [p for p in root.iter(SVG + "path") if p.get("class") == "h"]
    assert len(heads) == len([a for a in graph.arrows(boxes) if not whole or a[1] != "output"])


def test_an_arrow_past_a_row_goes_around_its_box():
    rows = [
        Box("a", "", "a"),
        Box("b", "", "b" * 40, "", ("a",)),
        Box("c", "", "c", "", ("a", "b")),
    ]
    root, found = rects(drawing.svg(rows))
    x, y, w, h = found[1]
    paths = [p.get("d") for p in root.iter(SVG + "path") if p.get("class") != "h"]
    long = next(d for d in paths if "V" in d)
    at = float(re.search(r"([\d.]+) [\d.]+V", long)[1])
    assert at < x or at > x + w


def test_the_job_writes_the_picture(tmp_path, capsys):
    out = tmp_path / "block.svg"
    found = draw.run(draw.Settings("ResNet20", block="stage1_block1", out=str(out)))
    assert found["layers"] == 7 and f"look at {out}" in capsys.readouterr().out
    assert "16 filters" in out.read_text("utf-8")
    with pytest.raises(ValueError, match="begins no layer's name; the model has stage1_block1, "):
        draw.run(draw.Settings("ResNet20", block="stage9", out=str(out)))
    with pytest.raises(ValueError, match="pictures are .svg"):
        draw.run(draw.Settings("ResNet20", out="x.png"))
    with pytest.raises(KappsError):
        draw.run(draw.Settings("nowhere.keras", out=str(out)))
