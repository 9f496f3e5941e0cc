"""Put names, labels and LiteRT metadata into a .tflite file.

The metadata (schema M001 of TensorFlow Lite Support) is what MediaPipe's ImageClassifier and
Android Studio read: an RGB image with mean 0 and deviation 1, because the normalisation is inside
the model, and labels.txt, packed behind the model as a zip archive.
"""

import io
import zipfile

import flatbuffers
import numpy as np

from kapps.export.flatbuffer import decoded, layer_name, schema

IMAGE, SCORES = "image", "scores"
ALIGNMENT = 16  # of weights in the file, as the .tflite schema asks
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES = 2, 1  # members of the union ContentProperties
_NORMALIZATION = 1  # member of the union ProcessUnitOptions
_RGB, _GRAYSCALE, _UNKNOWN = 1, 2, 0
_AXIS_LABELS = 2


class _Builder(flatbuffers.Builder):
    """A builder that aligns arrays as the C++ one does; the Python one aligns bytes to bytes."""

    def CreateNumpyVector(self, x):
        if x.dtype != np.uint8 or len(x) < ALIGNMENT:
            return super().CreateNumpyVector(x)
        self.StartVector(1, len(x), ALIGNMENT)
        self.head = self.head - len(x)
        self.Bytes[self.head : self.head + len(x)] = x.tobytes()
        return self.EndVector()


def package(content: bytes, *, name: str, description: str, labels: list[str] | None) -> bytes:
    """The same model with readable names, a signature, metadata and packed labels.

    Args:
        content: a .tflite file with one image input and one output, or several that its
            signature names.
        name, description: of the model, for the metadata.
        labels: class names in output order, or None when the output is not one score a class.

    Returns:
        The new file. Its weights and operators are those of `content`.
    """
    fb = schema()
    model = fb.ModelT.InitFromObj(fb.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    image, ends = graph.tensors[graph.inputs[0]], _ends(model, graph)
    _rename(model, graph)
    image.name = IMAGE
    for end, index in ends.items():
        graph.tensors[index].name = end
    model.description = f"{name}, exported by kapps"
    model.signatureDefs = [_signature(fb, graph, ends)]
    model.metadata = [m for m in model.metadata or [] if decoded(m.name) != "TFLITE_METADATA"]
    entry, buffer = fb.MetadataT(), fb.BufferT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    buffer.data = np.frombuffer(
        _metadata(name, description, [int(n) for n in image.shape], labels is not None, list(ends)),
        np.uint8,
    )
    model.buffers.append(buffer)
    model.metadata.append(entry)
    result = pack(model, len(content))
    return result if labels is None else _with_file(result, "labels.txt", "\n".join(labels) + "\n")


def pack(model, size: int) -> bytes:
    """The bytes of a `ModelT`; `size` is about how many to expect."""
    builder = _Builder(size + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _ends(model, graph) -> dict[str, int]:
    """The tensors of the outputs by their names, in the order of the outputs."""
    if len(graph.outputs) == 1:
        return {SCORES: int(graph.outputs[0])}
    known = {int(end.tensorIndex): decoded(end.name) for end in model.signatureDefs[0].outputs}
    return {known[int(index)]: int(index) for index in graph.outputs}


def _rename(model, graph) -> None:
    """Name tensors by their layers; the converter lists every fused layer in each name.

    Constants, unpacked ones too, lose theirs, and float tensors their empty quantisation: nobody
    reads them, and they are what makes room for the labels.
    """
    constant = [model.buffers[tensor.buffer].data is not None for tensor in graph.tensors]
    for op in graph.operators:
        if all(constant[i] for i in op.inputs if i >= 0):
            for index in op.outputs:
                constant[index] = True
    taken: set[str] = set()
    for tensor, nameless in zip(graph.tensors, constant, strict=True):
        if tensor.quantization is not None and tensor.quantization.scale is None:
            tensor.quantization = None
        if nameless:
            tensor.name = None
            continue
        plain = name = layer_name(decoded(tensor.name or b""))
        count = 1
        while name in taken:
            count += 1
            name = f"{plain}_{count}"
        taken.add(name)
        tensor.name = name


def _signature(fb, graph, outputs: dict[str, int]):
    """The default signature: one image in, the tensors of the answer out."""
    signature = fb.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0

    def ends(indices: dict[str, int]) -> list:
        found = []
        for name, index in indices.items():
            end = fb.TensorMapT()
            end.name, end.tensorIndex = name, int(index)
            found.append(end)
        return found

    signature.inputs, signature.outputs = ends({IMAGE: graph.inputs[0]}), ends(outputs)
    return signature


def _with_file(content: bytes, name: str, text: str) -> bytes:
    """The file with a zip archive behind it; readers of the model ignore what follows it.

    Not compressed: MediaPipe refuses compressed archives.
    """
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text.encode("utf-8"))
    return stream.getvalue()


def _metadata(
    name: str, description: str, shape: list[int], labelled: bool, outputs: list[str]
) -> bytes:
    """The ModelMetadata table; slot numbers are the positions of fields in the schema."""
    b = flatbuffers.Builder(1024)
    height, width, channels = shape[1:]
    color = {3: _RGB, 1: _GRAYSCALE}.get(channels, _UNKNOWN)
    size = _table(b, 2, (0, "Uint32", width), (1, "Uint32", height))
    properties = _table(b, 2, (0, "Int8", color), (1, "UOffsetTRelative", size))
    content = _union(b, 3, _IMAGE_PROPERTIES, properties)
    options = _table(
        b, 2, (0, "UOffsetTRelative", _floats(b, [0.0])), (1, "UOffsetTRelative", _floats(b, [1.0]))
    )
    unit = _union(b, 2, _NORMALIZATION, options)
    stats = _stats(b, 255.0)
    image = _tensor_table(b, IMAGE, "RGB in 0..255", content, [unit], stats, [])
    files = []
    if labelled:
        files.append(
            _table(
                b,
                4,
                (0, "UOffsetTRelative", b.CreateString("labels.txt")),
                (1, "UOffsetTRelative", b.CreateString("one class a line, in output order")),
                (2, "Int8", _AXIS_LABELS),
            )
        )
    ends = []
    for output in outputs:
        feature = _union(b, 3, _FEATURE_PROPERTIES, _table(b, 0))
        if output == SCORES:
            about, top, own = "one score a class", 1.0, files
        else:
            about, top, own = f"{output} of each anchor", 255.0, []
        ends.append(_tensor_table(b, output, about, feature, [], _stats(b, top), own))
    graph = _table(
        b,
        7,
        (2, "UOffsetTRelative", _tables(b, [image])),
        (3, "UOffsetTRelative", _tables(b, ends)),
    )
    root = _table(
        b,
        8,
        (0, "UOffsetTRelative", b.CreateString(name)),
        (1, "UOffsetTRelative", b.CreateString(description)),
        (3, "UOffsetTRelative", _tables(b, [graph])),
        (7, "UOffsetTRelative", b.CreateString("1.0.0")),
    )
    b.Finish(root, b"M001")
    return bytes(b.Output())


def _tensor_table(b, name, description, content, units, stats, files) -> int:
    fields = [
        (0, "UOffsetTRelative", b.CreateString(name)),
        (1, "UOffsetTRelative", b.CreateString(description)),
        (3, "UOffsetTRelative", content),
        (5, "UOffsetTRelative", stats),
    ]
    if units:
        fields.append((4, "UOffsetTRelative", _tables(b, units)))
    if files:
        fields.append((6, "UOffsetTRelative", _tables(b, files)))
    return _table(b, 7, *fields)


def _stats(b, top: float) -> int:
    high, low = _floats(b, [top]), _floats(b, [0.0])
    return _table(b, 2, (0, "UOffsetTRelative", high), (1, "UOffsetTRelative", low))


def _union(b, slots: int, member: int, value: int) -> int:
    """A table whose first field is a union: its type, then its value."""
    return _table(b, slots, (0, "Uint8", member), (1, "UOffsetTRelative", value))


def _table(b, slots: int, *fields: tuple[int, str, int]) -> int:
    b.StartObject(slots)
    for slot, kind, value in fields:
        getattr(b, f"Prepend{kind}Slot")(slot, value, 0)
    return b.EndObject()


def _floats(b, values: list[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return b.EndVector()


def _tables(b, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()
