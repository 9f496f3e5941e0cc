"""Child process of test_hosts.py: `kapps train` or `finetune`, on a host that may be lost.

With LOSE_HOST=n in the environment, the process of host n is killed when the second epoch begins;
with FORK, a host's process is a copy of this one.
"""

import os
import signal
import sys

from kapps.cli.settings import main
from kapps.recipes import finetune, train
from kapps.training.resolving import resolve
from tests import forks

JOBS = {
    train.Settings: (train._train, 1),
    finetune.Settings: (finetune._finetune, 0),
}  # what runs, and its fewest epochs


def run(settings, callbacks=()):
    """As `run` of `kapps.recipes.train` and `finetune`."""
    from kapps.training import launching

    _, least = JOBS[type(settings)]
    return launching.launch(job, resolve(settings, least), callbacks)


def job(settings, callbacks):
    from kapps.training import engine

    begin = engine.Recorder.on_epoch_begin

    def lost(recorder, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(recorder, epoch, logs)

    if os.environ.get("LOSE_HOST") == str(settings.host_index):
        engine.Recorder.on_epoch_begin = lost
    return JOBS[type(settings)][0](settings, callbacks)


if __name__ == "__main__":
    if "FORK" in os.environ:
        forks.instead_of_spawning()
    name, *words = sys.argv[1:]
    settings = {"train": train, "finetune": finetune}[name].Settings
    sys.exit(main(settings, run, words, prog=f"kapps {name}"))
