"""A run that several files look at, trained once."""

import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def run_folder(common):
    """LeNet-5 on the digits, one epoch."""
    from kapps.recipes import train

    out = common / "lenet"
    with FileLock(common / "lenet.lock"):
        if not out.exists():
            train.run(train.Settings(model="LeNet5", data="digits", out=str(out), epochs=1))
    return out
