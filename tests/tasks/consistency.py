"""A task of one's own in 40 lines of code: two views; the teacher is the student's past.

Mean teacher (Tarvainen and Valpola, 2017, arXiv:1703.01780), as small as it can be.
"""

import keras
import numpy as np
from keras import ops

from kapps import tasks
from kapps.tasks.losses import CrossEntropy
from kapps.tasks.trainee import Trainee


class MeanTeacher(tasks.Task):
    """The student of one view answers what the teacher answers to the other."""

    metrics = (tasks.Metric("loss", higher=False, share=False),)
    on_features = False

    def __init__(self, *, momentum: float = 0.9):
        self.momentum = momentum

    def batches(self, train):
        return Views(train)

    def trainee(self, network):
        return Consistency(network, self.momentum)

    def compiled(self, network):
        return {"loss": CrossEntropy()}

    def judge(self, network, data, advance=None):
        images, labels = (np.concatenate(part) for part in zip(*data, strict=True))
        right = network.predict_on_batch(images)[np.arange(len(labels)), labels]
        return {"loss": float(-np.log(right).mean())}


class Views:
    """Each picture, and the same one mirrored."""

    def __init__(self, train):
        self.train, self.steps = train, train.steps

    def epoch(self, number):
        for images, labels in self.train.epoch(number):
            yield (images, images[:, :, ::-1]), labels


class Consistency(Trainee):
    def __init__(self, network, momentum):
        super().__init__(network)
        self.teacher = keras.models.clone_model(network)
        self.teacher.set_weights(network.get_weights())
        self.teacher.trainable = False
        self.momentum = momentum

    def call(self, inputs, training=None):
        one, other = inputs
        if training:
            for old, new in zip(self.teacher.weights, self.network.weights, strict=True):
                old.assign(self.momentum * old + (1 - self.momentum) * new)
        return self.network(one, training=training), self.teacher(other, training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        student, teacher = y_pred
        agree = ops.mean(ops.square(student - ops.stop_gradient(teacher)))
        return super().compute_loss(x, y, student, sample_weight, training) + agree
