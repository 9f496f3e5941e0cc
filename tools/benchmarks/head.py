"""Ten epochs of a new head: cached features against the usual loop over the frozen backbone.

As a child process, `python -m tools.benchmarks.head kapps` prints seconds and accuracy of one side.
"""

import sys
import tempfile
import time

from tools.benchmarks._measure import RESULT, SHARED, Section, child, ratio, seconds

TITLE = "Training a head on a frozen backbone"
MODULE = "tools.benchmarks.head"
SIGNS = SHARED / "sign_digits"
SIZE, EPOCHS, BATCH = 224, 10, 64


def run() -> Section:
    """Whole jobs: reading the images, EfficientNet-Lite0 with ImageNet weights, ten epochs."""
    if not SIGNS.is_dir():
        raise RuntimeError(f"the images of sign_digits are not at {SIGNS}.")
    times, scores = {}, {}
    for side in ("kapps", "keras"):
        words = child(["-m", MODULE, side], KERAS_BACKEND="tensorflow").stdout.splitlines()
        line = next(word for word in words if word.startswith(RESULT))
        times[side], scores[side] = map(float, line[len(RESULT) :].split())
    rows = [
        (
            f"{EPOCHS} epochs",
            seconds(times["kapps"]),
            seconds(times["keras"]),
            ratio(times["keras"], times["kapps"]),
        ),
        (
            "accuracy on test/",
            f"{scores['kapps']:.1%}",
            f"{scores['keras']:.1%}",
            f"{100 * (scores['kapps'] - scores['keras']):+.1f} points",
        ),
    ]
    text = (
        "sign_digits (train/ to fit, test/ to judge at the end), EfficientNet-Lite0 at "
        f"{SIZE}x{SIZE}, batch {BATCH}, TensorFlow, no augmentation, one after the other; seconds "
        "from the first image to the end of the last epoch, without building the model. The usual "
        "loop is `fit` on the frozen network with a new Dense, over `image_dataset_from_directory` "
        "kept in memory (`cache`), with the same optimiser."
    )
    commands = [f"KERAS_BACKEND=tensorflow python -m {MODULE} {side}" for side in times]
    return Section(TITLE, text, ("", "kapps finetune", "usual loop", "ratio"), rows, commands)


def train_kapps() -> tuple[float, float]:
    """(seconds, accuracy) of `kapps finetune` with the head only."""
    from kapps.recipes import finetune
    from kapps.runs import Run

    with tempfile.TemporaryDirectory() as folder:
        settings = finetune.Settings(
            data=f"folder:{SIGNS}",
            out=f"{folder}/run",
            model="EfficientNetLite0",
            size=SIZE,
            epochs_head=EPOCHS,
            batch_size_head=BATCH,
            unfreeze="none",
            augment="none",
            validation=0.0,
            tensorboard=False,
        )
        result = finetune.run(settings)
        run = Run.open(result["run"])
        epochs = sum(row["seconds"] for row in run.metrics["history"])
        return result["seconds_features"] + epochs, accuracy_of(run)


def accuracy_of(run) -> float:
    """Share of test/ that the run's model gets right."""
    import numpy as np

    from kapps import data
    from kapps.data.transforms import Transform

    transform = Transform.from_spec(run.spec)
    test = data.load(f"folder:{SIGNS}", transform=transform, split="test", progress=False)
    images, truth = map(np.concatenate, zip(*test, strict=True))
    return float((run.load_model().predict(images, verbose=0).argmax(axis=1) == truth).mean())


def train_keras() -> tuple[float, float]:
    """(seconds, accuracy) of the loop of the tutorials on the same network."""
    import keras
    import tensorflow as tf

    import kapps

    splits = [
        keras.utils.image_dataset_from_directory(
            SIGNS / part, image_size=(SIZE, SIZE), batch_size=BATCH, verbose=False
        )
        .cache()
        .prefetch(tf.data.AUTOTUNE)
        for part in ("train", "test")
    ]
    base = kapps.applications.EfficientNetLite0(
        include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    scores = keras.layers.Dense(10, activation="softmax")(base(image, training=False))
    model = keras.Model(image, scores)
    model.compile(
        keras.optimizers.AdamW(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    began = time.perf_counter()
    model.fit(splits[0], epochs=EPOCHS, verbose=0)
    took = time.perf_counter() - began
    return took, model.evaluate(splits[1], verbose=0)[1]


def main() -> None:
    """Print the result of one side."""
    took, accuracy = {"kapps": train_kapps, "keras": train_keras}[sys.argv[1]]()
    print(f"{RESULT}{took:.3f} {accuracy:.4f}")


if __name__ == "__main__":
    main()
