"""Detectors that look at regions as they train: at a sample of them, and at the truths."""

import dataclasses

import keras

from kapps.detection.proposals import with_truths
from kapps.layers import Network
from kapps.tasks.detector import Detector

FIRST = ("objectness", "region_regression", "anchor_boxes")
SECOND = ("class_logits", "box_regression")
ALIGN = "head_box_align"  # where the second stage begins: the maps, and regions of them
ALIGN_OF = {"mask_logits": "head_mask_align", "heatmaps": "head_joint_align"}  # of each branch


class RegionDetector(Detector):
    """A network that learns from regions which are given to it, and from the truths themselves;
    `objective.sample` chooses of them.

    Args:
        network: ends in the layers `boxes`, `scores` and `classes`; its layer `regions` gives them.
        box_weight: of all losses but that of the classes.
    """

    first = ("regions",)  # layers that say what regions there are

    def __init__(self, network: keras.Model, box_weight: float = 1.0):
        super().__init__(network, box_weight)
        *maps, regions = network.get_layer(ALIGN).input
        outputs = {name: network.get_layer(name).output for name in SECOND}
        self.second = Network([*maps, regions], outputs, name=f"{network.name}_second")
        self.seeds = keras.random.SeedGenerator(0)

    def raw(self, network: keras.Model) -> keras.Model:
        outputs = {name: network.get_layer(name).output for name in self.first}
        *maps, _ = network.get_layer(ALIGN).input
        maps = {f"map{i}": x for i, x in enumerate(maps)}
        return Network(network.inputs, {**outputs, **maps}, name=network.name)

    def regions(self, said):
        """(batch, R, 4), from the outputs of `raw`."""
        return said["regions"]

    def more(self, maps, regions, truth, training: bool) -> dict:  # noqa: ARG002
        """What else is said of the sample."""
        return {}

    def parts(self, truth, said, training: bool) -> dict:
        regions = with_truths(self.regions(said), truth["boxes"], truth["labels"])
        regions = self.objective.sample(regions, truth, self.seeds)
        maps = [said[f"map{i}"] for i in range(len(self.second.inputs) - 1)]
        raw = {**said, "regions": regions, **self.second([*maps, regions], training=training)}
        raw |= self.more(maps, regions, truth, training)
        return self.objective.losses(raw, truth, self.seeds)


class TwoStageDetector(RegionDetector):
    """A network whose second stage learns from regions that its first stage proposes, and whose
    branch of masks or joints, if it has one, from those of them that have a truth.

    As in the code that torchvision follows there are twice as many regions as the network looks at
    later.
    """

    first = FIRST

    def __init__(self, network: keras.Model, box_weight: float = 1.0):
        super().__init__(network, box_weight)
        propose = network.get_layer("regions")
        rule = propose.proposals
        self.rule = dataclasses.replace(rule, count=2 * rule.count, candidates=2 * rule.candidates)
        self.levels, self.image_size = propose.levels, propose.image_size
        if branch := self.objective.branch:
            self.branch = Network(
                network.get_layer(ALIGN_OF[branch]).input,
                {branch: network.get_layer(branch).output},
                name=f"{network.name}_branch",
            )
            self.branch.input_spec = None  # it is built for as many boxes as are found

    def regions(self, said):
        found = self.rule(
            said["anchor_boxes"], said["objectness"][..., 0], self.levels, self.image_size
        )
        return found["boxes"]

    def more(self, maps, regions, truth, training: bool) -> dict:
        if not self.objective.branch:
            return {}
        boxes = self.objective.things(regions, truth)
        return {"boxes": boxes, **self.branch([*maps, boxes], training=training)}
