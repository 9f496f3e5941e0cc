import io
import zipfile

import numpy as np
import pytest

from kapps.errors import ExportError
from kapps.export import checks, dynamic, flatbuffer, layers, package
from kapps.export.litert import Runner
from tests.export.conftest import LABELS, SIZE


def contents_of(bundle):
    return flatbuffer.parse(bundle.model.read_bytes())


def test_macs_by_hand(exported):
    half, third = SIZE // 2, SIZE // 2 // 3
    stem = half * half * 12 * 9 * 3
    depthwise = half * half * 12 * 9
    project = half * half * 12 * 16
    head = third * third * 16 * 10
    assert contents_of(exported("float32")).macs() == stem + depthwise + project + head
    assert exported("int8").spec["macs"] == stem + depthwise + project + head


@pytest.mark.parametrize("mode", ["float32", "float16", "dynamic_int8", "int8"])
def test_every_weight_has_the_type_of_the_mode(exported, mode):
    contents = contents_of(exported(mode))
    weights = checks.weights(contents)
    assert len(weights) == 4  # stem, depthwise, project, predictions
    expected = {"dynamic_int8": "int8"}.get(mode, mode)
    assert {tensor.dtype for _, tensor in weights} == {expected}


def test_int8_holds_no_float(exported):
    for op in contents_of(exported("int8")).operators:
        for tensor in (*op.inputs, *op.outputs):
            assert tensor is None or not tensor.dtype.startswith("float")


@pytest.mark.parametrize(
    ("made", "claimed", "sentence"),
    [
        ("float32", "int8", "not int8: .*computes in float32"),
        ("float32", "float16", "the weight of CONV_2D .stem_conv. is float32"),
        ("float32", "dynamic_int8", "the weight of CONV_2D .stem_conv. is float32"),
        ("int8", "dynamic_int8", "the input 'image' is uint8"),
        ("float16", "float32", "the weight of CONV_2D .stem_conv. is float16"),
        ("dynamic_int8", "float32", "the weight of CONV_2D .stem_conv. is int8"),
    ],
)
def test_a_file_is_not_another_mode(exported, made, claimed, sentence):
    with pytest.raises(ExportError, match=sentence):
        checks.check(contents_of(exported(made)), claimed)


def test_a_custom_operator_is_refused():
    t = flatbuffer.TensorFacts(0, "x", (1,), False, "float32", False, (), ())
    op = flatbuffer.Operator("CUSTOM:FlexErfinv", 1, (t,), (t,))
    with pytest.raises(ExportError, match="CUSTOM:FlexErfinv"):
        checks.check(flatbuffer.Contents((op,), (t,), (t,), "", 0), "float32")


def test_an_open_shape_is_refused():
    t = flatbuffer.TensorFacts(0, "x", (1, 8), True, "float32", False, (), ())
    with pytest.raises(ExportError, match="not static"):
        checks.check(flatbuffer.Contents((), (t,), (t,), "", 0), "float32")


def test_int8_weights_are_within_half_a_step(exported, digits):
    # Weights in int8 with one scale a channel: w = q * scale, |q| <= 127, off by scale / 2 at most.
    fb = flatbuffer.schema()

    def stem(mode):
        model = fb.ModelT.InitFromObj(fb.Model.GetRootAs(exported(mode).model.read_bytes(), 0))
        facts = checks.weights(contents_of(exported(mode)))[0][1]
        tensor = model.subgraphs[0].tensors[facts.index]
        kind = "<f4" if mode == "float32" else "int8"
        raw = np.frombuffer(bytes(model.buffers[tensor.buffer].data), kind)
        return raw.reshape([int(n) for n in tensor.shape]), facts.scales

    exact, _ = stem("float32")
    stored, scales = stem("dynamic_int8")
    assert stored.min() >= -127 and len(scales) == len(stored)
    wide = np.array(scales).reshape(-1, 1, 1, 1)
    assert np.all(np.abs(stored * wide - exact) <= wide / 2 * (1 + 1e-5))


def test_dynamic_twice_is_dynamic_once(exported, digits):
    content = exported("dynamic_int8").model.read_bytes()
    again = dynamic.quantize_weights(content)
    images = digits[0][:4]
    np.testing.assert_array_equal(Runner(content).predict(images), Runner(again).predict(images))


def test_packaging_keeps_the_answers_and_aligns_the_weights(exported, digits):
    content = exported("float32").model.read_bytes()
    packed = package.package(content, name="x", description="y", labels=LABELS)
    images = digits[0][:4]
    np.testing.assert_array_equal(Runner(content).predict(images), Runner(packed).predict(images))
    fb = flatbuffer.schema()
    model = fb.Model.GetRootAs(packed, 0)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength() >= 16:
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            assert start % 16 == 0


def test_metadata_says_what_mediapipe_needs(exported):
    fb = flatbuffer.schema()
    content = exported("int8").model.read_bytes()
    found = flatbuffer.metadata(fb.Model.GetRootAs(content, 0), "TFLITE_METADATA")
    assert found[4:8] == b"M001" and b"labels.txt" in found
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode("utf-8").splitlines() == LABELS


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("re_lu_1/Relu6;norm_1/batchnorm/add_1;stem_conv_1/convolution;x", "stem_conv"),
        ("functional_3/block_depthwise_conv_1/depthwise", "block_depthwise_conv"),
        ("predictions_1/MatMul;predictions_1/BiasAdd", "predictions"),
        ("stem_norm_1/batchnorm/add_1", "stem_norm"),
        ("Identity", "Identity"),
        ("", ""),
    ],
)
def test_layer_names(name, layer):
    assert flatbuffer.layer_name(name) == layer


def test_the_worst_layer_is_the_one_that_was_damaged(exported, digits):
    # The float file against itself with one weight spoiled: only that layer can be blamed.
    fb = flatbuffer.schema()
    content = exported("float32").model.read_bytes()
    model = fb.ModelT.InitFromObj(fb.Model.GetRootAs(content, 0))
    weight = checks.weights(contents_of(exported("float32")))[2][1]
    buffer = model.buffers[model.subgraphs[0].tensors[weight.index].buffer]
    values = np.frombuffer(bytes(buffer.data), "<f4").copy()
    values[::2] = 0
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    spoiled = package.pack(model, len(content))
    blamed = layers.worst(content, spoiled, digits[0][:4])
    assert blamed[0].layer == "block_project_conv" and blamed[0].added > 0.1
