"""What detectors have in common: boxes, anchors, coders, matchers, losses and suppression.

Pure functions and small frozen dataclasses in `keras.ops`, with static shapes. Everywhere:

- a box is (left, top, right, bottom) in pixels of the input, float32, the last axis of its tensor;
- an annotation is padded to N boxes: the class of padding is -1, its box is 0;
- a score is a probability;
- anchors, the cells' points among them, are boxes, in one order: by level, row, column, then form.

A detector lays `anchors`, decodes what its head says with one of the `coders`, and ends in
`suppression`, on the host in `host`. To learn, it asks a matcher which anchor learns which truth
(`matching` by overlap, `priors` by shape, `assigning` by centres and predictions, `optimal` as a
whole), gathers what each of them should have said, takes a sample of the background (`sampling`)
and adds `losses`. `proposals` stand between two stages; `areas` has the losses of masks.

What is a layer is in `kapps.layers`: suppression, regions, necks.
"""
