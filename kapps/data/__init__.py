"""Data sets in, batches for every backend out; see `load`."""

from kapps.data.dataset import Dataset
from kapps.data.loading import find, load, load_splits
from kapps.data.transforms import Transform

__all__ = ["Dataset", "Transform", "find", "load", "load_splits"]
