"""What all tests share: one core a worker, a backend, and a home of their own."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

from kapps.applications import FAMILIES
from tests.representatives import is_late

# Two workers on two cores, each with thread pools of two, spend their time waiting for each other.
# The affinity must be set before a backend counts the cores; child processes inherit it.
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

# A suite started in the background inherits a Ctrl-C that is ignored, and so would its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

ROOT = Path(__file__).parent.parent
# JAX keeps what it compiled for the other worker, for child processes and for the next time.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
CONTRACT = ("applications", "layers")  # folders whose tests must hold on every backend
# Those that are long in one piece, or whose tests start processes, train and convert: a worker that
# begins with them is not the one that all others wait for.
LONGEST = (
    "test_contract", "training", "test_applications", "tasks", "export", "recipes", "applications",
)  # fmt: skip


def pytest_configure(config):
    """Without the sweeps, XLA compiles without LLVM's optimisations, which take longer than to run.

    `make test-all` compiles as users do.
    """
    if "not sweep" in config.option.markexpr:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_optimization_level=0".strip()


def pytest_ignore_collect(collection_path, config):
    """Files without a test for every backend are not imported where no other is asked for."""
    is_file = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if not config.option.markexpr.startswith("contract") or not is_file:
        return None
    some = folder_of(collection_path) in CONTRACT or "mark.contract" in collection_path.read_text()
    return None if some else True


def pytest_collection_modifyitems(items):
    backend, compared = os.environ["KERAS_BACKEND"], set()
    for item in items:
        if folder(item) in CONTRACT:
            item.add_marker("contract")
        family = item.path.stem.removeprefix("test_")
        if family in FAMILIES and is_late(family, item.name, backend):
            item.add_marker("sweep")
        if is_compared_again(item, compared, backend):
            item.add_marker("sweep")
    items.sort(key=place)


def pytest_collection_finish():
    """What is imported stays, and networks are thousands of objects: collect less, less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def is_compared_again(item, compared: set, backend: str) -> bool:
    """Whether a network is compared with a reference on JAX where another of its kind was.

    `compared` keeps which tests have had one. JAX compiles each network as a whole; what its
    layers compute is the same in the next.
    """
    of_networks = folder(item) == "applications" and "equals" in item.name
    if backend != "jax" or not of_networks or item.get_closest_marker("sweep"):
        return False
    test = (item.path, item.originalname)
    again = test in compared
    compared.add(test)
    return again


def place(item) -> int:
    """Which tests begin: those of LONGEST, by file or folder."""
    names = [name for name in (item.path.stem, folder(item)) if name in LONGEST]
    return min(map(LONGEST.index, names), default=len(LONGEST))


def folder_of(path: Path) -> str:
    """The folder of tests/ that a file of tests lies in, or the file."""
    return path.relative_to(ROOT / "tests").parts[0]


def folder(item) -> str:
    """That of a test."""
    return folder_of(item.path)


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory, monkeypatch):
    """No test reads or fills the cache of the person who runs it."""
    monkeypatch.setenv("KAPPS_HOME", str(tmp_path_factory.getbasetemp() / "kapps_home"))


@pytest.fixture(autouse=True)
def _whole_networks_go(request):
    """What holds itself waits for the collector, which comes seldom: forty networks took 16 GB."""
    yield
    if request.node.get_closest_marker("sweep") and folder(request.node) == "applications":
        gc.collect()


@pytest.fixture(scope="session", autouse=True)
def _one_child():
    """All conversions of a worker in one process, which imports TensorFlow when the first comes."""
    from kapps.export import child

    with child.kept():
        yield


@pytest.fixture(scope="session")
def common(tmp_path_factory):
    """A folder that all workers of one run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "common"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def python():
    """The interpreter for child processes."""
    return sys.executable
