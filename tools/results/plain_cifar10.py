"""ResNet-20 as a script with Keras alone has it (He et al., 2015, arXiv:1512.03385, section 4.2).

    python -m tools.results.plain_cifar10 FOLDER EPOCHS BATCH RATE SEED

What `kapps train --config resnet20_cifar10` is compared with. FOLDER has train/ and test/, in them
a folder of pictures a class. Prints {"accuracy", "parameters"}.
"""

import json
import sys

import keras
from keras import layers

L2 = keras.regularizers.L2(0.5e-4)  # Keras has no half in it: the gradient is 1e-4 times the kernel


def conv(x, filters, kernel_size, strides=1):
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=L2,
    )(x)
    return layers.BatchNormalization()(x)


def network():
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Activation("relu")(conv(x, 16, 3))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if block == 0 and filters > 16 else 1
            y = layers.Activation("relu")(conv(x, filters, 3, strides))
            y = conv(y, filters, 3)
            if strides == 2:  # option A of the paper: no weights on the way past
                x = layers.AveragePooling2D(1, strides)(x)
                x = keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (filters // 4, filters // 4)))
            x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, "softmax", kernel_regularizer=L2)(x))


def main() -> None:
    folder, epochs, batch, rate, seed = sys.argv[1:]
    epochs, batch, rate, seed = int(epochs), int(batch), float(rate), int(seed)
    keras.utils.set_random_seed(seed)
    read = {"image_size": (32, 32), "batch_size": batch, "verbose": False}
    train = keras.utils.image_dataset_from_directory(f"{folder}/train", seed=seed, **read)
    test = keras.utils.image_dataset_from_directory(f"{folder}/test", shuffle=False, **read)
    shift = layers.RandomTranslation(0.125, 0.125, fill_mode="constant")
    flip = layers.RandomFlip("horizontal")
    train = train.map(lambda x, y: (flip(shift(x, training=True), training=True), y))
    steps = len(train)
    model = network()
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(
                0.0, epochs * steps - steps // 2, warmup_target=rate, warmup_steps=steps // 2
            ),
            momentum=0.9,
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(train.prefetch(2), epochs=epochs, verbose=2)
    accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    print(json.dumps({"accuracy": accuracy, "parameters": model.count_params()}))


if __name__ == "__main__":
    main()
