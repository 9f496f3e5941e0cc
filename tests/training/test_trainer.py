import keras
import numpy as np
import pytest

from kapps import data, training


@pytest.mark.contract
def test_one_call_trains_a_model_of_ones_own(make_model, make_spots):
    class Seen(keras.callbacks.Callback):
        rows = []

        def on_epoch_end(self, epoch, logs=None):
            self.rows.append(dict(logs))

    rows = training.fit(
        make_model(), make_spots(), make_spots(), epochs=6, learning_rate=0.02, callbacks=[Seen()]
    )
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]
    assert [row["val_accuracy"] for row in Seen.rows] == [row["val_accuracy"] for row in rows]


def test_data_sets_and_tasks_go_in_as_they_are(digits):
    split = {"size": 8, "channels": 3, "batch_size": 16}
    train = data.load(f"npz:{digits}", training=True, drop_remainder=True, **split)
    validation = data.load(f"npz:{digits}", split="val", **split)
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(10, "softmax")(flat))
    rows = training.fit(model, train, validation, epochs=2, optimizer="sgd", seed=1)
    answers = np.concatenate([model.predict_on_batch(images) for images, _ in validation])
    labels = np.concatenate([labels for _, labels in validation])
    assert rows[-1]["val_accuracy"] == pytest.approx((answers.argmax(1) == labels).mean())


def test_an_argument_that_is_none_is_named(make_model, spots):
    with pytest.raises(
        TypeError, match="fit has no argument 'optimiser'; did you mean 'optimizer'"
    ):
        training.fit(make_model(), spots, optimiser="sgd")
