"""Where the time of a training step goes: making its pictures, calling kernels, or computing."""

import dataclasses
import time
from collections.abc import Callable, Iterator

import keras

from kapps.training import devices, progress

SECONDS = 5.0  # that each of the measurements may take, about
STEPS = (3, 30)  # of each, at least and at most
WARM = 3  # steps before a measurement: compilation, and what was made ahead
WAITS = 0.25  # share of a step that is waiting, from which that is what to look at
FIXED = 0.5  # share of a step that a single picture takes too


@dataclasses.dataclass(frozen=True)
class Profile:
    """Seconds of a step, each measured by itself.

    Attributes:
        batch_size: pictures of a step.
        training: in a training, with all that belongs to it.
        input: making the pictures alone, nobody computes.
        resident: computing alone, always the same pictures.
        single: computing one picture a device: what does not depend on their number.
    """

    batch_size: int
    training: float
    input: float
    resident: float
    single: float

    @property
    def waiting(self) -> float:
        """Seconds of a training's step that are not its computation."""
        return max(self.training - self.resident, 0.0)

    @property
    def bottleneck(self) -> str:
        """ "input", "host" or "device"."""
        if self.waiting > WAITS * self.training:
            return "input" if self.input > self.waiting / 2 else "host"
        return "host" if self.single > FIXED * self.resident else "device"

    @property
    def sentence(self) -> str:
        """What limits the training, by which numbers, and what helps."""
        training, wait, made, alone, one = (
            _ms(s) for s in (self.training, self.waiting, self.input, self.resident, self.single)
        )
        if self.bottleneck == "input":
            return (
                f"profile: the input is the bottleneck: {wait} of the {training} of a step are "
                f"waiting for its {self.batch_size} pictures, which take {made} to read and "
                f"augment; use smaller files (kapps data shard), less augmentation or more cores."
            )
        if self.bottleneck == "host":
            return (
                f"profile: the host is the bottleneck: of the {training} of a step, {wait} pass "
                f"between the steps and one picture takes {one} where {self.batch_size} take "
                f"{alone}; raise batch_size, or try jit_compile=true."
            )
        share = f"of the {training}" if self.resident < self.training else "and so all"
        return (
            f"profile: the device is the bottleneck: computing {self.batch_size} pictures takes "
            f"{alone} {share} of a step, making them {made} beside it; use a smaller "
            "size or network, precision=mixed_bfloat16, or more devices."
        )


def measure(trainee: keras.Model, train) -> Profile:
    """Time steps; the weights of `trainee` change.

    Args:
        trainee: compiled.
        train: an `engine.EpochData`.
    """
    with progress.bar("profile", 4, "measurements", quiet=True) as advance:
        epochs = -(-(STEPS[1] + WARM) // train.steps)
        made = _passes(iter(devices.feed(train, 0, epochs)))
        advance(1)
        pictures, annotations = next(iter(train.epoch(0)))
        rows = len(keras.tree.flatten(pictures)[0])
        resident = _steps(trainee, pictures, annotations)
        advance(1)
        count = getattr(getattr(trainee, "distribute_strategy", None), "num_replicas_in_sync", 1)
        if keras.distribution.distribution() is not None:
            count = len(keras.distribution.list_devices())
        few = keras.tree.map_structure(lambda a: a[:count], (pictures, annotations))
        single = _steps(trainee, *few)
        advance(1)
        timer = _Timer()
        number = min(max(int(SECONDS / resident), STEPS[0]), STEPS[1]) + WARM
        trainee.fit(
            devices.feed(train, 0, -(-number // train.steps)),
            steps_per_epoch=number,
            callbacks=[timer],
            shuffle=False,
            verbose=0,
        )
        advance(1)
    return Profile(rows, timer.seconds, made, resident, single)


def _steps(trainee, pictures, annotations) -> float:
    """Seconds of a step on the same pictures; `train_on_batch` waits for the device."""
    return _timed(lambda: trainee.train_on_batch(pictures, annotations))


def _passes(batches: Iterator) -> float:
    """Seconds in which a batch is made."""
    return _timed(lambda: next(batches, None))


def _timed(work: Callable[[], object]) -> float:
    """Seconds of `work`, the mean over as many times as fit."""
    for _ in range(WARM):
        work()
    began, done = time.perf_counter(), 0
    while done < STEPS[0] or (done < STEPS[1] and time.perf_counter() - began < SECONDS):
        work()
        done += 1
    return (time.perf_counter() - began) / done


class _Timer(keras.callbacks.Callback):
    """Seconds of a step of `fit`, after the first ones."""

    def __init__(self):
        super().__init__()
        self.seconds, self.began, self.done = 0.0, 0.0, 0

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == WARM:
            float(logs["loss"])  # waits for the device
            self.began = time.perf_counter()
        self.done = batch + 1

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        float(logs["loss"])
        self.seconds = (time.perf_counter() - self.began) / max(self.done - WARM, 1)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
