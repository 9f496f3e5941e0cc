"""Reference outputs of transformers' Grounding DINO for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_grounding_goldens tiny@192 base@256 small@128

As `tools.make_transformer_goldens`. BERT is a small one of random weights, as what it says of the
text is given to both networks: `states` of `ids`, the tokens of [CLS] and three phrases. There are
fewer queries than 900, so that no two of them fit the text equally well and change places; "small"
has fewer blocks and a smaller Swin Transformer too.
"""

import argparse
import json

import numpy as np

from tests.parity.fill import GOLDEN_SALT, golden_input
from tools.make_dense_goldens import FOLDER, FOUND
from tools.make_transformer_goldens import MEAN, ROWS, STD, filled

OLDER = (  # names in memory -> in the files on the hub
    (r"\.model\.swin\.", ".model."),
    (r"attention\.q_proj", "attention.self.query"),
    (r"attention\.k_proj", "attention.self.key"),
    (r"attention\.v_proj", "attention.self.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"attention\.relative_position_bias\.", "attention.self."),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
)
IDS = (101, 9, 1012, 10, 11, 12, 1012, 7, 8, 1012, 102)  # [CLS] 9 . 10 11 12 . 7 8 . [SEP]
PHRASES = ((1,), (3, 4, 5), (7, 8))  # the words of each
SCALES = {  # so that places and queries differ, and scores are no zeros
    r"model\.query_position_embeddings\.weight": 15.0,
    r"model\.enc_output_norm\.weight": 3.0,
    r"model\.decoder\.layer_norm\.weight": 0.2,
}
SWINS = {  # window, and as `kapps.applications.swin` says it
    "tiny": (7, {"channels": 96, "depths": [2, 2, 6, 2], "heads": [3, 6, 12, 24]}),
    "base": (12, {"channels": 128, "depths": [2, 2, 18, 2], "heads": [4, 8, 16, 32]}),
    "small": (7, {"channels": 24, "depths": [2, 2, 2, 2], "heads": [3, 3, 6, 6]}),
}
CONFIGS = {
    "tiny": {"queries": 60, "blocks": 6},
    "base": {"queries": 100, "blocks": 6},
    "small": {"queries": 40, "blocks": 2},
}
THRESHOLD = 0.05  # of scores that are found


def network(name: str, queries: int, blocks: int):
    """The reference with random weights."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        SwinConfig,
    )

    window, swin = SWINS[name]
    body = SwinConfig(
        window_size=window,
        out_indices=[2, 3, 4],
        embed_dim=swin["channels"],
        depths=swin["depths"],
        num_heads=swin["heads"],
    )
    text = BertConfig(vocab_size=2000, num_hidden_layers=1)
    return GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=body,
            text_config=text,
            num_queries=queries,
            encoder_layers=blocks,
            decoder_layers=blocks,
        )
    )


def is_kept(tensor: str, blocks: int) -> bool:
    """Whether a tensor is ours too, and not another name of one box head."""
    no = ("model.text_backbone.", "model.backbone.conv_encoder.model.layernorm.")
    heads = ("model.decoder.bbox_embed.", *(f"bbox_embed.{i}." for i in range(blocks - 1)))
    return not tensor.startswith((*no, *heads))


def write(name: str, size: int) -> None:
    """The golden of one network."""
    import torch

    config = CONFIGS[name]
    blocks = config["blocks"]
    torch.manual_seed(0)
    with torch.no_grad():
        model = network(name, **config).eval().double()
        tensors = filled(model, 1.0, SCALES, OLDER)
        tensors = [[tensor, shape] for tensor, shape in tensors if is_kept(tensor, blocks)]
        images = np.concatenate([golden_input(size, 0), golden_input(size, 1)]).astype("float64")
        x = torch.from_numpy(((images / 255 - MEAN) / STD).transpose(0, 3, 1, 2).copy())
        states = []
        model.model.text_backbone.register_forward_hook(
            lambda *known: states.append(known[2].last_hidden_state)
        )
        ids = torch.tensor([IDS, IDS])
        said = model(pixel_values=x, input_ids=ids)
        logits = said.logits[..., : len(IDS)]
        classes = torch.stack([logits[..., list(words)].amax(-1) for words in PHRASES], -1)
        scores = classes.sigmoid()
        shares = said.pred_boxes
        middle, extent = shares[..., :2], shares[..., 2:]
        boxes = torch.cat([middle - extent / 2, middle + extent / 2], -1) * size
        best, labels = scores.max(-1)
        best, order = best.topk(min(FOUND, int((best > THRESHOLD).sum(1).min())))
        found = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    step = max(1, boxes.shape[1] // ROWS)
    parts = {
        "token_logits": logits[:, ::step],
        "class_logits": classes[:, ::step],
        "box_regression": shares[:, ::step],
        "boxes": boxes[:, ::step],
        "scores": scores[:, ::step],
        "found_boxes": found,
        "found_scores": best,
        "found_classes": labels.gather(1, order),
    }
    facts = {
        "reference": f"transformers/IDEA-Research/grounding-dino-{name.replace('small', 'tiny')}",
        "size": size,
        "step": step,
        "salt": GOLDEN_SALT,
        "norm_scale": 1.0,
        "scales": SCALES,
        "config": config,
        "backbone": SWINS[name][1] if name == "small" else None,
        # More room than tokens, which must change nothing.
        "arguments": {"classes": len(PHRASES), "tokens": len(IDS) + 3},
        "ids": IDS,
        "parameters": sum(int(np.prod(shape)) for _, shape in tensors),
        "tensors": tensors,
    }
    arrays = {
        key: value.numpy().astype("int32" if "classes" in key else "float32")
        for key, value in parts.items()
    }
    path = FOLDER / f"grounding-dino-{name}.npz"
    given = {"states": states[0][0].numpy().astype("float32")}
    np.savez_compressed(path, facts=json.dumps(facts), **arrays, **given)
    for key, value in (arrays | given).items():
        print(f"{name} {key} {value.shape} {value.min():.4g} .. {value.max():.4g}")
    print(path, path.stat().st_size, facts["parameters"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="such as tiny@256")
    for name in parser.parse_args().names:
        network_name, _, size = name.partition("@")
        write(network_name, int(size))


if __name__ == "__main__":
    main()
