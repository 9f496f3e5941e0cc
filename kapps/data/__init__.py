"""Data sets in, batches for every backend out; see `load`."""

from kapps.data.addresses import find
from kapps.data.beside import Beside
from kapps.data.dataset import Dataset
from kapps.data.loading import View, load, load_splits
from kapps.data.transforms import Transform

__all__ = ["Beside", "Dataset", "Transform", "View", "find", "load", "load_splits"]
