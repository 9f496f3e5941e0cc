"""torch's files come back as torch says they are; hostile ones do nothing."""

import io
import os
import pickle

import numpy as np
import pytest
import torch

from kapps.errors import WeightsError
from kapps.weights import catalog, readers, sources

from .arrays import assert_same

TENSORS = {
    "conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2),
    "half": torch.arange(5).half(),
    "double": torch.arange(3, dtype=torch.float64),
    "long": torch.tensor(7),
    "flags": torch.tensor([True, False]),
    "bytes": torch.arange(4, dtype=torch.uint8),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "slice": torch.arange(10.0)[3:7],
    "expanded": torch.ones(1).expand(4),
    "channels_last": torch.rand(1, 2, 3, 4).to(memory_format=torch.channels_last),
}
ZIP = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def save(content, path, is_zip):
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


@ZIP
def test_torch_tensors(tmp_path, is_zip):
    path = save(TENSORS, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {name: t.numpy() for name, t in TENSORS.items()})


@ZIP
def test_torch_bfloat16_becomes_float32(tmp_path, is_zip):
    tensor = torch.randn(100).bfloat16()
    path = save({"w": tensor}, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {"w": tensor.float().numpy()})


@ZIP
def test_torch_module_with_shared_storage_and_parameters(tmp_path, is_zip):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = module.state_dict()
    state["again"] = state["0.weight"]
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    path = save(state, tmp_path / "w.pt", is_zip)
    assert_same(readers.read(path), {name: t.detach().numpy() for name, t in state.items()})


@ZIP
@pytest.mark.parametrize("key", ["state_dict", "model", "net"])
def test_torch_checkpoint_around_a_state_dict(tmp_path, is_zip, key):
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    content = {"epoch": 3, "arch": "linear", "optimizer": optimizer.state_dict(), "best": 0.5}
    path = save(content | {key: model.state_dict()}, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {k: t.numpy() for k, t in model.state_dict().items()})


def test_torch_data_parallel_prefix_is_dropped(tmp_path):
    path = save({"module.a": torch.ones(1), "module.b": torch.ones(1)}, tmp_path / "w.pth", True)
    assert list(readers.read(path)) == ["a", "b"]


@pytest.mark.parametrize("index", range(3))
def test_the_published_lite_files(index):
    path = sources.fetch(catalog.find(f"EfficientNetLite{index}", "imagenet"))
    expected = torch.load(path, weights_only=True)
    assert_same(readers.read(path), {name: tensor.numpy() for name, tensor in expected.items()})


@ZIP
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": {"w": torch.ones(1)}, "b": {"w": torch.ones(1)}}, "several sets .*'a', 'b'"),
        ({"epoch": 3}, "holds no named tensors"),
        (torch.ones(3), "holds no named tensors"),
        ([torch.ones(3)], "holds no named tensors"),
    ],
)  # fmt: skip
def test_torch_files_without_one_state_dict(tmp_path, is_zip, content, message):
    with pytest.raises(WeightsError, match=message):
        readers.read(save(content, tmp_path / "w.pth", is_zip))


class Payload:
    """What a hostile file does when it is unpickled: `reduce` is called."""

    def __init__(self, *reduce):
        self.reduce = reduce

    def __reduce__(self):
        return self.reduce


FORBIDDEN = {
    "system": (Payload(os.system, ("touch {mark}",)), r"posix\.system|nt\.system"),
    "eval": (Payload(eval, ("open('{mark}', 'w')",)), r"(__builtin__|builtins)\.eval"),
    "getattr": (Payload(getattr, ("", "join")), r"(__builtin__|builtins)\.getattr"),
    "module": (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    "numpy": (np.float64(1), r"numpy\._core\.multiarray\.scalar"),
    "dtype": (torch.float32, r"torch\.float32|builtins\.getattr"),
    "load": (Payload(torch.load, ("x",)), r"torch\.serialization\.load"),
    "partial": (__import__("functools").partial(print), r"functools\.partial"),
}


@ZIP
@pytest.mark.parametrize("name", FORBIDDEN)
def test_hostile_pickle_is_refused_and_does_nothing(tmp_path, is_zip, name):
    payload, forbidden = FORBIDDEN[name]
    mark = tmp_path / "executed"
    if isinstance(payload, Payload):
        call, arguments = payload.reduce
        filled = tuple(a.replace("{mark}", str(mark)) for a in arguments)
        payload = Payload(call, filled)
    path = save({"w": torch.ones(2), "evil": payload}, tmp_path / "w.pth", is_zip)
    with pytest.raises(WeightsError, match=rf"({forbidden}), which is neither a tensor") as info:
        readers.read(path)
    assert len(str(info.value).splitlines()) == 1
    assert not mark.exists()


def legacy_file(path, stream):
    """A file of the format before zip whose main pickle is these bytes."""
    start = b"".join(pickle.dumps(o, 2) for o in (0x1950A86A20F9469CFC6C, 1001, {}))
    path.write_bytes(start + stream + pickle.dumps([], 2))
    return path


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
)


@pytest.mark.parametrize(
    "stream",
    [
        # Attributes of what the table offers: BUILD with a dict, and with (None, {...}).
        REBUILD + b"}X\x04\x00\x00\x00calllccollections\nOrderedDict\nsb.",
        REBUILD + b"N}X\x04\x00\x00\x00callccollections\nOrderedDict\ns\x86b.",
        b"ccollections\nOrderedDict\nN}X\x08\x00\x00\x00__init__Ns\x86b.",
        # Calls with nonsense.
        REBUILD + b")R.",
        REBUILD + b"(NK\x00))tR.",
        REBUILD + b"(" + STORAGE + b"K\x00K\x05\x85K\x01\x85\x89NtR.",  # reaches beyond its storage
        REBUILD + b"(" + STORAGE + b"K\x00K\x02\x85J\xff\xff\xff\xff\x85\x89NtR.",  # stride -1
        b"ctorch\nSize\nK\x05\x85R.",
        b"(X\x06\x00\x00\x00modulectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x02tQ.",
        b"K\x05Q.",
        b"\x82\x01.",  # extension code
        b"h\x05.",  # memo that is not there
        b"c__builtin__\neval\n.",
        b"\x8c\x02os\x8c\x06system\x93.",
        b"i__builtin__\neval\n.",
        b"(" * 10,
        b"",
    ],
    ids=range(17),
)
def test_hostile_instructions(tmp_path, stream):
    with pytest.raises(WeightsError) as info:
        readers.read(legacy_file(tmp_path / "w.pth", b"\x80\x04" + stream))
    assert "w.pth" in str(info.value)


def test_tokens_of_the_table_cannot_be_changed():
    from kapps.weights import _pickle

    token = _pickle.GLOBALS["torch._utils", "_rebuild_tensor_v2"]
    before = token.call
    stream = REBUILD + b"N}X\x04\x00\x00\x00callNs\x86b."
    with pytest.raises(pickle.UnpicklingError, match="sets the attribute 'call'"):
        _pickle.load(io.BytesIO(stream), "x")
    assert token.call is before


def test_huge_tensor_of_one_number_takes_no_memory(tmp_path):
    path = save({"w": torch.ones(1).expand(1 << 40)}, tmp_path / "w.pth", True)
    assert readers.read(path)["w"].shape == (1 << 40,)


def test_torchscript_says_what_it_is(tmp_path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1)), tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="TorchScript"):
        readers.read(tmp_path / "m.pt")


def test_plain_pickle_is_not_torch(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"w": [1, 2]}))
    with pytest.raises(WeightsError, match="is a pickle, but not one of torch"):
        readers.read(tmp_path / "w.pth")
