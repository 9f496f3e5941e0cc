"""One copy of a network cut over devices, which are made of one CPU in a child process."""

import json
import os

import numpy as np
import pytest

from tests import forks
from tests.training.test_devices import FOUR_ON_JAX

CHILD = """
import json, sys
import keras
import numpy as np
from kapps.applications import vit
from kapps.training import devices

parts = int(sys.argv[1])
vit.SIZES["Tiny"] = (24, 4, 3)
tiny = vit.application("Tiny", "Tiny", 16, references=(), pixels=32)
random = np.random.default_rng(0)
images, labels = random.integers(0, 255, (3, 8, 32, 32, 3)), random.integers(0, 10, (3, 8))
with devices.distributed(parts > 0, 8, model_parallel=max(parts, 1)):
    keras.utils.set_random_seed(0)
    model = tiny(weights=None, classes=10, drop_path=0.0)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    losses = [float(model.train_on_batch(*batch)) for batch in zip(images, labels)]
    held = {
        kind: {v.path: list(v.value.sharding.shard_shape(tuple(v.shape))) for v in owner.variables}
        for kind, owner in (("model", model), ("optimizer", model.optimizer))
    }
    whole = {v.path: list(v.shape) for v in model.variables}
    answers = model.predict_on_batch(images[0]).tolist()
print(json.dumps({"losses": losses, "held": held, "whole": whole, "answers": answers}))
"""


def train(parts: int) -> dict:
    done = forks.run(["-c", CHILD, str(parts)], {**os.environ, **FOUR_ON_JAX})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.contract
@pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "jax", reason="of keras.distribution")
def test_a_transformer_cut_in_two_trains_as_a_whole_one():
    """Two copies of it on four devices, each cut as Megatron-LM's section 3 says."""
    whole, cut = train(0), train(2)
    np.testing.assert_allclose(cut["losses"], whole["losses"], rtol=1e-4)
    np.testing.assert_allclose(cut["answers"], whole["answers"], atol=1e-4)
    held = cut["held"]["model"]
    block = "stage1_block1"
    assert held[f"{block}_attention_qkv/kernel"] == [24, 36]  # of (24, 72), by columns
    assert held[f"{block}_attention_project/kernel"] == [12, 24]  # of (24, 24), by rows
    assert held[f"{block}_mlp_expand/kernel"] == [24, 48]  # of (24, 96)
    assert held[f"{block}_mlp_project/kernel"] == [48, 24]  # of (96, 24)
    assert held["stem_conv/kernel"] == [16, 16, 3, 12]  # of (16, 16, 3, 24)
    norm = f"{block}_mlp_norm/gamma"
    assert held[norm] == cut["whole"][norm] == [24]  # a copy on each
    # What Adam keeps of a kernel is cut as the kernel.
    moments = [s for path, s in cut["held"]["optimizer"].items() if "mlp_expand_kernel" in path]
    assert moments and all(shape == [24, 48] for shape in moments)


@pytest.mark.parametrize(
    ("batch_size", "parts", "sentence"),
    [
        (8, 3, "model_parallel=3 does not divide the 4 devices of a host"),
        (7, 2, "batch_size=7 cannot be shared by the 2 copies of the network, each on 2 devices"),
    ],
)
def test_what_cannot_be_cut_is_one_sentence(monkeypatch, batch_size, parts, sentence):
    jax = pytest.importorskip("jax")

    from kapps.errors import SettingsError
    from kapps.training import layouts

    monkeypatch.setattr(jax, "local_device_count", lambda: 4)
    with pytest.raises(SettingsError, match=sentence):
        layouts.distribution([f"cpu:{i}" for i in range(4)], batch_size, parts)


@pytest.mark.skipif(os.environ["KERAS_BACKEND"] == "jax", reason="of the others")
def test_other_backends_refuse_by_name():
    from kapps.errors import SettingsError
    from kapps.training import devices

    sentence = "model_parallel=2 cuts a network over devices on JAX only"
    with pytest.raises(SettingsError, match=sentence), devices.distributed(True, 8, 2):
        pass
