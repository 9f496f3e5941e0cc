"""VGG19 where Keras has it: `kapps.applications.vgg` under another name."""

from kapps.applications.vgg import VGG19, decode_predictions, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
