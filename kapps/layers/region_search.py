"""Regions that nothing has learnt, found within a network."""

import keras
import numpy as np
from keras import ops

from kapps.detection.selective_search import selective_search
from kapps.layers import kernels


@keras.saving.register_keras_serializable(package="kapps")
class SearchRegions(keras.layers.Layer):
    """Images -> regions by selective search, (batch, regions, 4) float32; what is missing is 0.

    Source: Fast R-CNN (Girshick, 2015, arXiv:1504.08083), section 2, whose about 2000 regions of an
    image come from the fast mode. The search runs on the host, on every backend, also within a
    compiled step, and takes seconds for an image of 600 pixels.

    Args:
        count: regions of an image, at most.
        mode: see `kapps.detection.selective_search.selective_search`.
        data_format: "channels_last" or "channels_first".

    Call arguments:
        images: RGB in [0, 255].
    """

    regroups = True  # the number of regions is told where that of images is

    def __init__(self, count: int, mode: str = "fast", data_format: str | None = None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count, self.mode = count, mode
        self.data_format = data_format or keras.config.image_data_format()
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, images):
        if self.data_format == "channels_first":
            images = ops.transpose(images, (0, 2, 3, 1))
        images = ops.cast(ops.round(ops.clip(images, 0, 255)), "uint8")
        shape = (images.shape[0], self.count, 4)
        return ops.stop_gradient(kernels.on_host(self._search, (images,), shape, "float32"))

    def _search(self, images: np.ndarray) -> np.ndarray:
        found = np.zeros((len(images), self.count, 4), "float32")
        for rows, image in zip(found, np.asarray(images), strict=True):
            regions = selective_search(image, self.mode, self.count)
            rows[: len(regions)] = regions
        return found

    def compute_output_spec(self, images):
        # Training looks at other numbers of regions through the layers that follow.
        batch = images.shape[0]
        count = None if batch is None else self.count
        return keras.KerasTensor((batch, count, 4), "float32")

    def get_config(self):
        own = {"count": self.count, "mode": self.mode, "data_format": self.data_format}
        return super().get_config() | own
