"""Data sets in, batches for every backend out; see `load`."""

from kapps.data.addresses import find
from kapps.data.beside import Beside
from kapps.data.dataset import Dataset
from kapps.data.loading import load, load_splits
from kapps.data.orders import Order
from kapps.data.transforms import Transform
from kapps.data.views import View

__all__ = ["Beside", "Dataset", "Order", "Transform", "View", "find", "load", "load_splits"]
