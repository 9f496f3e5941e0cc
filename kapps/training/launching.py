"""Start the processes of a training that several share: one a device on torch, else one a host.

This process waits for those that it has started, without Keras and a backend of its own, and says
what became of them. Two of them never meet here: see `replicas`.
"""

import importlib
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from multiprocessing import connection

from kapps.errors import RunError
from kapps.training import hosts
from kapps.training.progress import say

GOODBYE = 10.0  # seconds for the processes to say their last words after Ctrl-C


def launch(job: Callable[..., dict], settings, *more) -> dict:
    """Return `job(settings, *more)`; with distribute=True, run in as many processes as it takes.

    It is then what the leading process returns. On torch there is a process for each device of
    this host; on several hosts, see `kapps.training.hosts`, there is at least one for each, and
    this host's part ends with it. Started by `torchrun`, or by a program that has joined the
    processes already (Ray Train), this process is one of them.

    Args:
        job: a function of a module; it finds the share of its process by `replicas.share()`.
        settings: with `distribute`, `hosts`, `host_index` and `batch_size`, that of all devices
            together.
        *more: that can be pickled where there are several processes.

    Returns:
        What the job returned; {} on the hosts that do not lead.

    Raises:
        SettingsError: one device only, or a batch that cannot be shared evenly.
        RunError: one of the processes was lost; the others end with it.
        Exception: whatever `job` raised in one of them.
    """
    if not settings.distribute or _has_joined():
        return job(settings, *more)
    cluster = hosts.find(settings.hosts, settings.host_index, _backend())
    if _backend() == "torch":
        return _launch_torch(job, settings, more, cluster)
    if cluster is None:
        return job(settings, *more)
    _announce(cluster)
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(
        target=_host, args=(cluster, job, settings, more, answers), daemon=True
    )
    process.start()
    try:
        process.join()
    except KeyboardInterrupt:
        process.join(GOODBYE)
        raise
    if answers.empty():  # before it could say why: a library ended it
        raise RunError(_lost(_exit(process.exitcode)))
    return _told(answers.get())


def _launch_torch(job: Callable, settings, more: tuple, cluster: hosts.Cluster | None) -> dict:
    """A process for each device of this host, or this one where torchrun has made them."""
    import torch

    from kapps.training import replicas_torch
    from kapps.training.replicas import check

    if {"RANK", "LOCAL_RANK", "WORLD_SIZE"} <= set(os.environ):  # torchrun's
        processes = [f"process {i}" for i in range(int(os.environ["WORLD_SIZE"]))]
        check(processes, settings.batch_size)
        with replicas_torch.group(int(os.environ["LOCAL_RANK"])):
            return job(settings, *more)
    local = [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["cpu"]
    count = cluster.count if cluster else 1
    check(local * count, settings.batch_size)
    # It would warn of each process that it ends after another's error, which is the news.
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    answers = multiprocessing.get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="kapps-") as folder:
        first, address = 0, f"file://{folder}/group"
        if cluster:
            first, address = len(local) * cluster.index, f"tcp://{cluster.addresses[0]}"
            _announce(cluster)
        started = torch.multiprocessing.spawn(
            _device,
            (first, len(local) * count, address, job, settings, more, answers),
            len(local),
            join=False,
            daemon=True,
        )
        try:
            while not started.join():
                pass
        except KeyboardInterrupt:
            for process in started.processes:
                process.join(GOODBYE)
            raise
        except torch.multiprocessing.ProcessRaisedException:
            return _told(answers.get())
        except torch.multiprocessing.ProcessExitedException as error:  # before it could say why
            raise RunError(_lost(f"this host's {error}")) from error
        return _told(answers.get())


def _device(local: int, first: int, count: int, address: str, job, settings, more, answers) -> None:
    """What the process of one torch device of this host does; its result goes into `answers`."""
    from kapps.training import replicas_torch

    rank = first + local
    try:
        with replicas_torch.group(local, init_method=address, rank=rank, world_size=count):
            result = job(settings, *more)
    except Exception as error:
        answers.put(_sentence(error))
        raise
    if local == 0:
        answers.put(result)


def _host(cluster: hosts.Cluster, job: Callable, settings, more: tuple, answers) -> None:
    """What the process of this host does on JAX and TensorFlow."""
    _end_with_parent()
    try:
        with _group().group(cluster):
            answers.put(job(settings, *more))
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:
        if os.environ.get("KAPPS_DEBUG"):  # the one who reads the answer has no traceback of it
            traceback.print_exc()
        answers.put(_sentence(error))
        # At once: leaving the group, the backends would wait for the others.
        os._exit(1)


def _end_with_parent() -> None:
    """End this process when the one that started it is killed."""
    sentinel = multiprocessing.parent_process().sentinel

    def watch():
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _sentence(error: Exception) -> Exception:
    """The error itself, or what it means where the backend only says that a peer is gone."""
    return RunError(_lost("another does not answer")) if _group().is_loss(error) else error


def _lost(why: str) -> str:
    return (
        f"the processes that train together have lost one ({why}); see what the others say, then "
        "start all again with --resume."
    )


def _exit(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"this host's ended with status {code}"
    return f"this host's was ended by {signal.Signals(-code).name}"


def _told(answer):
    """The answer of a process, raised if it is an error."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _announce(cluster: hosts.Cluster) -> None:
    if cluster.addresses:
        say(
            f"host {cluster.index + 1} of {cluster.count}: meeting the others at "
            f"{cluster.addresses[0]}"
        )


def _backend() -> str:
    """The backend's name; Keras is imported only where nothing else says it."""
    if "keras" in sys.modules or "KERAS_BACKEND" not in os.environ:
        import keras

        return keras.config.backend()
    return os.environ["KERAS_BACKEND"]


def _has_joined() -> bool:
    """Whether this process is one of several already."""
    if _backend() not in sys.modules:
        return False
    from kapps.training import replicas

    return replicas.share().count > 1


def _group():
    """The module of the processes of this backend."""
    return importlib.import_module(f"kapps.training.replicas_{_backend()}")
