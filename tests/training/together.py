"""Child process of test_hosts.py: `kapps train`, on a host that may be lost.

With LOSE_HOST=n in the environment, the process of host n is killed when the second epoch begins;
with FORK, a host's process is a copy of this one.
"""

import os
import signal
import sys

from kapps.cli.settings import main
from kapps.recipes import train
from kapps.training.options import resolve
from tests import forks


def run(settings, callbacks=()):
    """As `kapps.recipes.train.run`."""
    from kapps.training import launching

    return launching.launch(job, resolve(settings), callbacks)


def job(settings, callbacks):
    from kapps.training import engine

    begin = engine.Recorder.on_epoch_begin

    def lost(recorder, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(recorder, epoch, logs)

    if os.environ.get("LOSE_HOST") == str(settings.host_index):
        engine.Recorder.on_epoch_begin = lost
    return train._train(settings, callbacks)


if __name__ == "__main__":
    if "FORK" in os.environ:
        forks.instead_of_spawning()
    sys.exit(main(train.Settings, run, prog="kapps train"))
