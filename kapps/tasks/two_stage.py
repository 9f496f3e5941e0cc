"""A detector of two stages as it trains: it looks at a sample of its regions and at the truths."""

import dataclasses

import keras

from kapps.detection.proposals import with_truths
from kapps.layers import Network
from kapps.tasks.detector import Detector, objective_of

FIRST = ("objectness", "region_regression", "anchor_boxes")
SECOND = ("class_logits", "box_regression")
ALIGN = "head_box_align"  # where the second stage begins: the maps, and regions of them
ALIGN_OF = {"mask_logits": "head_mask_align", "heatmaps": "head_joint_align"}  # of each branch


class TwoStageDetector(Detector):
    """A network whose second stage learns from regions that its first stage proposes, and whose
    branch of masks or joints, if it has one, from those of them that have a truth.

    As in the code that torchvision follows there are twice as many regions as the network looks at
    later, and the truths themselves; `objective.sample` chooses of them.

    Args:
        network: ends in the layers `boxes`, `scores` and `classes`.
        box_weight: of all losses but that of the classes.
    """

    def __init__(self, network: keras.Model, box_weight: float = 1.0):
        super().__init__(network, box_weight)
        propose = network.get_layer("regions")
        rule = propose.proposals
        self.rule = dataclasses.replace(rule, count=2 * rule.count, candidates=2 * rule.candidates)
        self.levels, self.image_size = propose.levels, propose.image_size
        *maps, regions = network.get_layer(ALIGN).input
        outputs = {name: network.get_layer(name).output for name in SECOND}
        self.second = Network([*maps, regions], outputs, name=f"{network.name}_second")
        if branch := self.objective.branch:
            self.branch = Network(
                network.get_layer(ALIGN_OF[branch]).input,
                {branch: network.get_layer(branch).output},
                name=f"{network.name}_branch",
            )
            self.branch.input_spec = None  # it is built for as many boxes as are found
        self.seeds = keras.random.SeedGenerator(0)

    def raw(self, network: keras.Model) -> keras.Model:
        outputs = {name: network.get_layer(name).output for name in FIRST}
        *maps, _ = network.get_layer(ALIGN).input
        maps = {f"map{i}": x for i, x in enumerate(maps)}
        return Network(network.inputs, {**outputs, **maps}, name=network.name)

    def parts(self, truth, said, training: bool) -> dict:
        found = self.rule(
            said["anchor_boxes"], said["objectness"][..., 0], self.levels, self.image_size
        )
        regions = with_truths(found["boxes"], truth["boxes"], truth["labels"])
        regions = self.objective.sample(regions, truth, self.seeds)
        maps = [said[f"map{i}"] for i in range(len(self.second.inputs) - 1)]
        raw = {**said, "regions": regions, **self.second([*maps, regions], training=training)}
        if self.objective.branch:
            raw["boxes"] = self.objective.things(regions, truth)
            raw |= self.branch([*maps, raw["boxes"]], training=training)
        return self.objective.losses(raw, truth, self.seeds)


def trainee(network: keras.Model, box_weight: float) -> Detector:
    """A detector as it trains, in one stage or two."""
    kind = TwoStageDetector if objective_of(network).stages == 2 else Detector
    return kind(network, box_weight)
