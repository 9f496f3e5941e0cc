"""Child process: ms a step of the data alone, of the barest loop, and of `engine.fit`.

`python -m tools.benchmarks._handover FOLDER` on the backend of KERAS_BACKEND. The network is nearly
empty (means of blocks and a linear classifier), so that a step is what it takes to get a batch.
"""

import statistics
import sys
import time

import keras

from kapps.data import load
from kapps.training import engine, pictures
from tools.benchmarks._measure import RESULT

SIZE, BATCH, BLOCK, CLASSES, TURNS, EPOCHS = 224, 32, 32, 2, 3, 3
SIDE = SIZE // BLOCK


def torch_step():
    """A training step in plain torch."""
    import torch

    dense = torch.nn.Linear(SIDE * SIDE * 3, CLASSES)
    optimizer = torch.optim.AdamW(dense.parameters(), 1e-3)

    def step(x, y):
        x = torch.from_numpy(x).permute(0, 3, 1, 2).float()
        x = torch.nn.functional.avg_pool2d(x, BLOCK).flatten(1)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(dense(x), torch.from_numpy(y).long()).backward()
        optimizer.step()

    return step


def jax_step():
    """A training step in plain JAX."""
    import jax

    def loss(weights, x, y):
        x = x.astype("float32").reshape(BATCH, SIDE, BLOCK, SIDE, BLOCK, 3).mean((2, 4))
        scores = jax.nn.log_softmax(x.reshape(BATCH, -1) @ weights)
        return -(scores * jax.nn.one_hot(y, CLASSES)).sum() / BATCH

    update = jax.jit(lambda weights, x, y: weights - 1e-3 * jax.grad(loss)(weights, x, y))
    state = [jax.numpy.zeros((SIDE * SIDE * 3, CLASSES))]

    def step(x, y):
        state[0] = update(state[0], x, y).block_until_ready()

    return step


def tensorflow_step():
    """A training step in plain TensorFlow."""
    import tensorflow as tf

    weights = tf.Variable(tf.zeros((SIDE * SIDE * 3, CLASSES)))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            x = tf.nn.avg_pool2d(tf.cast(x, tf.float32), BLOCK, BLOCK, "VALID")
            scores = tf.reshape(x, (BATCH, -1)) @ weights
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=scores)
        weights.assign_sub(1e-3 * tape.gradient(loss, weights))

    return step


STEPS = {"torch": torch_step, "jax": jax_step, "tensorflow": tensorflow_step}


def network() -> keras.Model:
    """The same network in Keras."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(BLOCK)(image))
    return keras.Model(image, keras.layers.Dense(CLASSES)(x))


def main() -> None:
    """Measure the three in turns; print their medians."""
    dataset = load(
        f"folder:{sys.argv[1]}", size=SIZE, split="all", batch_size=BATCH, training=True,
        cache="memory", drop_remainder=True, progress=False,
    )  # fmt: skip
    train = pictures.Pictures(dataset)
    bare, model = STEPS[keras.config.backend()](), network()
    tensorflow = keras.config.backend() == "tensorflow"

    def seconds(work) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    def loop(step, epochs: int) -> None:
        batches = dataset.epochs(0, epochs) if tensorflow else None
        for number in range(0 if batches is None else 1, epochs if batches is None else 2):
            for images, labels in train.epoch(number) if batches is None else batches:
                step(images, labels)

    def fit(epochs: int) -> None:
        engine.fit(model, train, None, engine.Plan("train", epochs, 1e-3))

    found: dict[str, list[float]] = {"data": [], "bare": [], "fit": []}
    loop(bare, 1)
    fit(1)
    for _ in range(TURNS):
        found["data"].append(seconds(lambda: loop(lambda *_: None, EPOCHS)) / EPOCHS)
        found["bare"].append(seconds(lambda: loop(bare, EPOCHS)) / EPOCHS)
        # Without what each call does once, such as compiling.
        once = seconds(lambda: fit(1))
        found["fit"].append((seconds(lambda: fit(1 + EPOCHS)) - once) / EPOCHS)
    numbers = [1000 * statistics.median(times) / dataset.steps for times in found.values()]
    print(RESULT, *(f"{number:.2f}" for number in numbers))


if __name__ == "__main__":
    main()
