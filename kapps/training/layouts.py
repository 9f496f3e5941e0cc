"""How a network lies on several JAX devices: a copy on each, or one copy cut over some of them.

ViT-H has 632 million parameters: with gradients and the two moments of AdamW 10 GB in float32, and
DINOv3's ViT-7B 107 GB. `model_parallel` cuts every large variable, and what the optimiser keeps of
it, into that many parts. Columns and rows alternate as in Megatron-LM (Shoeybi et al., 2019,
arXiv:1909.08053, section 3): the first Dense of a branch is cut by its outputs, `*_project`, which
ends it, by its inputs, so that the devices exchange once a branch. XLA finds the exchanges itself
(GSPMD, Xu et al., 2021, arXiv:2105.04663) and any layout gives the same numbers.
"""

import keras

from kapps.errors import SettingsError
from kapps.training import replicas

BATCH, MODEL = "batch", "model"  # the axes of the mesh of devices
# Which variables are cut and along which of their last axes, as keras.distribution.LayoutMap takes
# them: kernels of Dense (inputs, outputs) and of convolutions (height, width, inputs, outputs).
LAYOUTS = {
    r".*_project/kernel": (MODEL, None),
    r"(?!.*_project/).*kernel": (MODEL,),
}


class Cut(keras.distribution.ModelParallel):
    """Keras's ModelParallel for kernels of any rank; what cannot be cut evenly is copied."""

    def get_variable_layout(self, variable):
        """The layout of a variable, by its path and its shape."""
        if getattr(variable, "_layout", None):  # one of the optimiser's: as the variable it is for
            return variable._layout
        size, shape = self.device_mesh.shape[1], variable.shape
        found = super().get_variable_layout(variable).axes
        axes = (None,) * (len(shape) - len(found)) + tuple(found)
        if len(axes) > len(shape) or (MODEL in axes and shape[axes.index(MODEL)] % size):
            axes = (None,) * len(shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def distribution(devices: list[str], batch_size: int, model_parallel: int = 1):
    """The keras.distribution.Distribution of a training on all `devices`.

    Args:
        devices: names, as keras.distribution.list_devices() gives them; those of a host are
            neighbours.
        batch_size: of all devices together.
        model_parallel: devices of one host that a copy of the network is cut over.

    Raises:
        SettingsError: the devices cannot share the network or the batch evenly.
    """
    if model_parallel == 1:
        replicas.check(devices, batch_size)
        return keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    import jax

    local = jax.local_device_count()
    if local % model_parallel:
        raise SettingsError(
            f"model_parallel={model_parallel} does not divide the {local} devices of a host; use "
            "2 or more that does."
        )
    copies = len(devices) // model_parallel
    if batch_size % copies:
        raise SettingsError(
            f"batch_size={batch_size} cannot be shared by the {copies} copies of the network, each "
            f"on {model_parallel} devices; use a multiple."
        )
    mesh = keras.distribution.DeviceMesh((copies, model_parallel), (BATCH, MODEL), devices)
    return Cut(layout_map=layout_map(mesh), batch_dim_name=BATCH, auto_shard_dataset=False)


def layout_map(mesh: keras.distribution.DeviceMesh) -> keras.distribution.LayoutMap:
    """LAYOUTS on a mesh of devices."""
    result = keras.distribution.LayoutMap(mesh)
    for pattern, axes in LAYOUTS.items():
        result[pattern] = axes
    return result
