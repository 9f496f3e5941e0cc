"""VGG16 where Keras has it: `kapps.applications.vgg` under another name."""

from kapps.applications.vgg import VGG16, decode_predictions, preprocess_input

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
