"""Several hosts: where their processes meet, by settings or by the environment of the backend.

Every host runs the same command. `--hosts a:1234,b:1234 --host-index 0` is the way that all
backends share; what starts a backend's own jobs is understood too:

    every backend   KERAS_DISTRIBUTION_JOB_ADDRESSES and _PROCESS_ID (on JAX also _NUM_PROCESSES)
    TensorFlow      TF_CONFIG, with "worker" tasks, or one "chief" before them
    torch           RANK, LOCAL_RANK and WORLD_SIZE of torchrun, see `launching.launch`
    JAX             hosts=auto: what it finds out itself under SLURM, Open MPI, Kubernetes, TPU
"""

import dataclasses
import json
import os

from kapps.errors import SettingsError

AUTO = "auto"
KERAS = "KERAS_DISTRIBUTION_"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The hosts that train together, and which of them this is.

    Attributes:
        addresses: "name:port" of each, the same list on all; the first leads. () where JAX finds
            them itself.
        index: of this host in `addresses`.
        count: how many there are; 0 where JAX finds that out.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0
    count: int = 0


def find(hosts: str | None, index: int | None, backend: str) -> Cluster | None:
    """The cluster that the settings name, or else the environment; None for this host alone.

    Args:
        hosts, index: the settings `hosts` and `host_index`.
        backend: "tensorflow", "jax" or "torch".

    Raises:
        SettingsError: what they say does not fit.
    """
    if hosts == AUTO:
        if backend != "jax":
            raise SettingsError(
                f"hosts=auto asks JAX to find the hosts and this is {backend}; list them, as in "
                "--hosts a:1234,b:1234 --host-index 0."
            )
        return Cluster()
    if hosts:
        addresses = addresses_of(hosts)
        return _checked(Cluster(addresses, index, len(addresses)), "hosts")
    if KERAS + "JOB_ADDRESSES" in os.environ:
        return _of_keras(backend)
    if backend == "tensorflow" and "TF_CONFIG" in os.environ:
        return _of_tensorflow(os.environ["TF_CONFIG"])
    return None


def addresses_of(text: str) -> tuple[str, ...]:
    """The addresses in a comma separated list.

    Raises:
        SettingsError: one of them is no "name:port", or there twice.
    """
    addresses = tuple(filter(None, (part.strip() for part in text.split(","))))
    for address in addresses:
        name, _, port = address.rpartition(":")
        if not name or not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(
                f"hosts has the address {address!r}; expected name:port, such as 10.0.0.1:1234."
            )
        if addresses.count(address) > 1:
            raise SettingsError(f"hosts has the address {address!r} twice; give each host once.")
    return addresses


def _of_keras(backend: str) -> Cluster | None:
    """From the variables of `keras.distribution.initialize`."""
    addresses = addresses_of(os.environ[KERAS + "JOB_ADDRESSES"])
    count = _number(KERAS + "NUM_PROCESSES", len(addresses))
    if count < 2:
        return None
    index = _number(KERAS + "PROCESS_ID", None)
    if len(addresses) != count and (backend != "jax" or len(addresses) != 1):
        raise SettingsError(
            f"{KERAS}JOB_ADDRESSES lists {len(addresses)} hosts and {KERAS}NUM_PROCESSES is "
            f"{count}; list the address of each."
        )
    return _checked(Cluster(addresses, index, count), KERAS + "JOB_ADDRESSES")


def _of_tensorflow(text: str) -> Cluster | None:
    """From TF_CONFIG; the chief, where there is one, leads."""
    try:
        config = json.loads(text or "{}")
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
        kind, index = task.get("type"), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError) as error:
        raise SettingsError(f"TF_CONFIG cannot be read ({error}); expected JSON.") from None
    addresses = (*chiefs, *workers)
    if len(addresses) < 2:
        return None
    if kind not in ("chief", "worker"):
        raise SettingsError(
            f"TF_CONFIG calls this host {kind!r}; expected chief or worker: all hosts train alike."
        )
    index += len(chiefs) if kind == "worker" else 0
    return _checked(Cluster(addresses, index, len(addresses)), "TF_CONFIG")


def _number(name: str, otherwise: int | None) -> int | None:
    text = os.environ.get(name)
    if text is not None and not text.strip().isdecimal():
        raise SettingsError(f"{name}={text!r} is no number; expected 0 or more.")
    return otherwise if text is None else int(text)


def _checked(cluster: Cluster, source: str) -> Cluster:
    if cluster.count < 2:
        raise SettingsError(
            f"{source} lists one host, {cluster.addresses[0]}; list two or more, or leave it out."
        )
    if cluster.index is None or not 0 <= cluster.index < cluster.count:
        given = "is missing" if cluster.index is None else f"is {cluster.index}"
        name = f"{KERAS}PROCESS_ID" if source.startswith(KERAS) else "host_index"
        raise SettingsError(
            f"{name} {given} and {source} lists {cluster.count} hosts; use 0 on the first, up to "
            f"{cluster.count - 1} on the last."
        )
    return cluster
