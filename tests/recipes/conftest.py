"""What the tests of jobs share: the process that converts."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_child():
    """All conversions of a file of tests in one process, which imports TensorFlow once."""
    from kapps.export import child

    with child.kept():
        yield
