"""Reference outputs of timm and torchvision for deterministic checkpoints (see fill.py)."""
