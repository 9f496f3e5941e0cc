"""A training that dies by a signal at a chosen place; run as a child process by test_resume.py.

python dying.py WHERE EPOCH JOB [settings of the job]
"""

import importlib
import os
import signal
import sys
from pathlib import Path


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_the_middle_of_an_epoch(epoch: int) -> None:
    from kapps.training import engine

    plain = engine.Recorder.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        plain(self, batch, logs)
        if (self.epoch, batch) == (epoch, 1):
            die()

    engine.Recorder.on_train_batch_end = on_train_batch_end


def while_the_backup_is_written(epoch: int) -> None:
    import numpy as np

    plain = np.savez

    def savez(file, **arrays):
        if f'"epoch": {epoch}'.encode() in arrays["progress"].tobytes():
            file.write(b"half a file")
            file.flush()
            die()
        plain(file, **arrays)

    np.savez = savez


def between_backup_and_table(epoch: int) -> None:
    from kapps import runs

    plain = runs.Run.write_history

    def write_history(self, history, *args, **more):
        if len(history) == epoch:
            die()
        plain(self, history, *args, **more)

    runs.Run.write_history = write_history


def by_ctrl_c(epoch: int) -> None:
    global die

    def die() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    in_the_middle_of_an_epoch(epoch)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    where, epoch, job, *argv = sys.argv[1:]
    globals()[where](int(epoch))
    from kapps.cli.settings import main

    module = importlib.import_module(f"kapps.recipes.{job}")
    sys.exit(main(module.Settings, module.run, argv))
