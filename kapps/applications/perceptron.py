"""Perceptron: A Probabilistic Model for Information Storage (Rosenblatt, 1958, Psych. Review 65).

One layer of weights between the pixels and the answers. Rosenblatt's units fire or do not, and his
rule changes their weights by what went wrong; here a softmax takes the place of the step, so that
gradients train the same weights.

Also MLP: Learning Representations by Back-propagating Errors (Rumelhart et al., 1986, Nature 323),
with a layer of sigmoid units in between. Its 300 hidden units for 28x28 pixels are those of LeCun
et al. (1998), "28x28-300-10".
"""

from kapps.applications._application import Application, Flavor
from kapps.applications.imagenet_utils import preprocess_input
from kapps.layers import Blocks


def backbone(x, nn: Blocks):
    """The retina: there are no maps between the image and the units."""
    return nn.act(x, "linear", name="pixels")


def top(x, nn: Blocks, *, units: int = 0):
    x = nn.flatten(x, name="flatten")
    return nn.act(nn.dense(x, units, name="fc1"), name="fc1_act") if units else x


def _application(name: str, **settings) -> Application:
    return Application(
        name,
        backbone,
        top=top,
        size=28,
        min_size=1,
        channels=1,
        classes=10,
        fixed_size=True,
        flavors={"keras": Flavor("unit", crop_pct=1.0)},
        stages={},
        **settings,
    )


Perceptron = _application("Perceptron")
MLP = _application("MLP", top_layers=("fc1",), activation="sigmoid", arguments={"units": 300})

__all__ = ["MLP", "Perceptron", "preprocess_input"]
