"""ECA-Net as timm and its authors name it."""

from kapps.weights.dialects._timm import residual

# The authors' repository calls `eca` what timm calls `se`; the rest of the names is torchvision's.
ATTENTION = (r"layer(\d)\.(\d+)\.(?:se|eca)\.conv", "stage{0}_block{1:+1}_eca_conv")
DIALECTS = (residual("timm", ATTENTION),)
