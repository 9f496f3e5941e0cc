"""What an open-vocabulary detector looks for: names, and what a text encoder makes of them.

Encoders are those of `transformers`, an extra, and run only where names become embeddings. A
network keeps these in its layer `vocabulary`; what it is saved as, and a phone, need no encoder.
"""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from kapps.errors import (
    DownloadError,
    MissingFileError,
    MissingPackageError,
    SettingsError,
    did_you_mean,
)

EXAMPLE = ["cat", "traffic light"]
LONGEST = 254  # tokens of a name: of Grounding DINO's 256 without [CLS] and [SEP]
BATCH = 80  # names that an encoder gets at a time


def checked(names: Sequence[str]) -> list[str]:
    """Names without spaces around them.

    Raises:
        ValueError: there is none, or one that is no text, empty, or there twice.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names={names!r}: expected a list of texts, such as {EXAMPLE}")
    found = [name.strip() for name in names]
    if not found:
        raise ValueError(f"names are empty; expected one or more, such as {EXAMPLE}")
    for index, name in enumerate(found):
        if not name:
            raise ValueError(f"names[{index}]={names[index]!r} is empty; drop it")
        if name in found[:index]:
            raise ValueError(f"names[{index}]={name!r} is there twice; drop one of them")
    return found


def encode(names: list[str], kind: str, encoder: Any = None) -> Any:
    """What an encoder makes of names, not yet checked.

    Args:
        names: as `checked` returns them.
        kind: of `ENCODERS`, by which the network was trained.
        encoder: None for the published one of that kind, a name on the Hugging Face hub or a folder
            for another; a function of a list of names; or embeddings, one for each name.

    Raises:
        MissingPackageError: the encoder needs a package that is not installed.
        DownloadError: it is neither here nor to be fetched.
    """
    if callable(encoder):
        return encoder(names)
    if encoder is not None and not isinstance(encoder, str | PathLike):
        return encoder
    run, published = ENCODERS[kind]
    place = published if encoder is None else str(encoder)
    try:
        return run(names, place)
    except ImportError as error:  # transformers says the same where torch is missing
        raise MissingPackageError(
            f"names become embeddings by the text encoder {place}, which needs transformers and "
            "torch; `pip install 'kapps[text]'`, or give embeddings."
        ) from error
    except OSError as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DownloadError(f"the text encoder {place} could not be read: {reason}.") from error


def of_words(words: Sequence[str]) -> tuple[list[str], Callable | None]:
    """The names on a command line, and what encodes them: None for the network's own encoder.

    Args:
        words: the names; or one file NAME.npz of `names` and `embeddings`, as
            `numpy.savez(FILE, names=names, embeddings=array)` writes it.

    Raises:
        MissingFileError, SettingsError: there is no such file, or it is another.
        ValueError: a name is empty or there twice.
    """
    if len(words) != 1 or Path(words[0]).suffix != ".npz":
        return checked(words), None
    path = Path(words[0]).expanduser()
    if not path.is_file():
        raise MissingFileError(f"there is no vocabulary file {path}; check the path.")
    try:
        with np.load(path) as file:
            names, embeddings = checked(file["names"].tolist()), file["embeddings"]
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(
            f"{path} is no vocabulary ({error}); expected what numpy.savez(FILE, names=[...], "
            "embeddings=array) writes."
        ) from error
    if len(names) != len(embeddings):
        raise SettingsError(f"{path} has {len(names)} names and {len(embeddings)} embeddings.")
    kept = dict(zip(names, embeddings, strict=True))

    def look_up(wanted: list[str]) -> np.ndarray:
        for name in wanted:
            if name not in kept:
                guess = did_you_mean(name, names, otherwise=f"; it has {', '.join(names[:10])}.")
                raise SettingsError(f"{path} has no embedding of {name!r}{guess}")
        return np.stack([kept[name] for name in wanted])

    return names, look_up


def clip(names: list[str], place: str) -> np.ndarray:
    """Embeddings of length 1 by the text tower of a CLIP, float32 (names, channels).

    Source: Learning Transferable Visual Models From Natural Language Supervision (Radford et al.,
    2021, arXiv:2103.00020), section 2.4. A name is encoded as it stands, without a sentence around
    it, as for YOLO-World.
    """
    from transformers import AutoTokenizer, CLIPTextModelWithProjection

    tokenizer = AutoTokenizer.from_pretrained(place)
    tower = CLIPTextModelWithProjection.from_pretrained(place)
    rows = []
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        tokens = tokenizer(some, padding=True, truncation=True, return_tensors="pt")
        rows.append(tower(**tokens).text_embeds.detach().numpy())
    found = np.concatenate(rows)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def bert(names: list[str], place: str) -> np.ndarray:
    """What the BERT in a Grounding DINO says of names, or a BERT alone: of each its tokens.

    Source: Grounding DINO (Liu et al., 2023, arXiv:2303.05499), section 3.4: phrases do not see
    each other, so each is encoded alone, and so are [CLS] and [SEP].

    Returns:
        float32 (names, tokens, channels): of [CLS], of the name in small letters, of its full stop
        and of [SEP]; rows of NaN follow shorter ones.

    Raises:
        ValueError: a name has what ends it, or is too long.
    """
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(place)
    network = AutoModel.from_pretrained(place)
    network = getattr(network, "text_backbone", network)
    stop, *others = tokenizer.convert_tokens_to_ids([".", "?", "[CLS]", "[SEP]"])
    first, last = others[1:]
    phrases = tokenizer([name.lower() for name in names], add_special_tokens=False).input_ids
    for name, tokens in zip(names, phrases, strict=True):
        if not tokens or {stop, *others} & set(tokens):
            raise ValueError(
                f"name {name!r}: a full stop or ? ends what is looked for; leave it out"
            )
        if len(tokens) > LONGEST:
            raise ValueError(f"name {name[:20]!r}... has {len(tokens)} tokens; at most {LONGEST}")
    said = _states(network, tokenizer, [[first], [last], *([*x, stop] for x in phrases)])
    begin, end, *said = said
    longest = max(map(len, said)) + 2
    rows = [np.concatenate([begin, one, end]) for one in said]
    return np.stack(
        [np.pad(x, ((0, longest - len(x)), (0, 0)), constant_values=np.nan) for x in rows]
    )


def _states(network, tokenizer, rows: list[list[int]]) -> list[np.ndarray]:
    """The last hidden states (tokens, channels) of rows of tokens."""
    found = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        tokens = tokenizer.pad({"input_ids": some}, return_tensors="pt")
        states = network(**tokens).last_hidden_state.detach().numpy()
        found += [one[: len(row)] for one, row in zip(states, some, strict=True)]
    return found


DINO = "grounding-dino"
ENCODERS = {  # kind -> how, and the published one
    "clip": (clip, "openai/clip-vit-base-patch32"),
    **{f"{DINO}-{size}": (bert, f"IDEA-Research/{DINO}-{size}") for size in ("tiny", "base")},
}
