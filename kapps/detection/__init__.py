"""What detectors have in common: boxes, anchors, coders, matchers, losses and suppression.

Pure functions and small frozen dataclasses in `keras.ops`, with static shapes. Everywhere:

- a box is (left, top, right, bottom) in pixels of the input, float32, the last axis of its tensor;
- an annotation is padded to N boxes: the class of padding is -1, its box is 0;
- a score is a probability;
- anchors, the cells' points among them, are boxes, in one order: by level, row, column, then form.

`kapps.layers` has what is a layer: suppression, regions, necks.
"""
