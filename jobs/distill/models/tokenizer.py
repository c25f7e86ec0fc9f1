"""TokenizerFacts of a model folder. A tokenizer can hang or abort the process that loads it, so `read_tokenizer` asks a
limited child: `python -m jobs.distill.models.tokenizer FOLDER` prints the facts as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from ..errors import DistillError, ModelRejected
from ..plan.facts import TokenizerFacts
from . import strict_json, template
from .config import eos_ids
from .limits import SECONDS, limit_myself, run_limited

MAX_TOKENIZER = 64 * 2**20
MAX_ADDED = 100_000


def read_tokenizer(folder: Path, seconds: int = SECONDS) -> TokenizerFacts:
    """Facts, from a limited child; raises ModelRejected."""
    return TokenizerFacts.model_validate(run_limited("jobs.distill.models.tokenizer", str(folder), seconds=seconds))


def vocabulary_sha256(vocabulary: dict[str, int]) -> str:
    """Hash of a token -> id map (added tokens included): two tokenizers with equal maps have equal hashes."""
    lines = json.dumps(sorted(vocabulary.items()), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(lines.encode()).hexdigest()


def tokenizer_facts(folder: Path) -> TokenizerFacts:
    """Facts, in this process. Only for the limited child and for folders of our own."""
    tokenizer = _load(folder / "tokenizer.json")
    settings = read_settings(folder)
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    special = {t.content: i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}
    eos, text = _text(settings.get("eos_token")), template.find(folder, settings)
    if text is not None:
        template.check(text, special_texts(settings))
    return TokenizerFacts(
        vocab_sha256=vocabulary_sha256(vocabulary),
        vocab_size=max(vocabulary.values(), default=-1) + 1,
        special=special,
        bos_id=vocabulary.get(_text(settings.get("bos_token"))),
        eos_ids=sorted(eos_ids(folder, vocabulary.get(eos))),
        pad_id=vocabulary.get(_text(settings.get("pad_token"))),
        template_sha256=hashlib.sha256(text.encode()).hexdigest() if text else None,
        adds_bos=_adds_bos(tokenizer, vocabulary.get(_text(settings.get("bos_token")))),
    )


def special_texts(settings: dict[str, Any]) -> dict[str, str]:
    """bos_token, eos_token ... as a chat template sees them."""
    return {k: _text(settings.get(k)) for k in ("bos_token", "eos_token", "pad_token", "unk_token") if settings.get(k)}


def _load(path: Path) -> Any:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise ModelRejected(
            "There is no tokenizer.json in this folder.",
            code="MODEL_TOKENIZER",
            hint="Make one: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes it with the other tokenizer files.",
        )
    added = strict_json.read_object(path, MAX_TOKENIZER).get("added_tokens") or []
    if len(added) > MAX_ADDED:
        raise ModelRejected(
            f"tokenizer.json adds {len(added):,} tokens; at most {MAX_ADDED:,} are read.",
            code="MODEL_TOKENIZER",
            limit=MAX_ADDED,
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.encode(
            "Hello, world 123! " + "a" * 40 + "!"
        )  # a bomb in a regular expression goes off here, not later
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as e:  # a Rust panic is no Exception
        raise ModelRejected(
            f"The tokenizer could not be loaded: {str(e)[:200]}.",
            code="MODEL_TOKENIZER",
            field="tokenizer.json",
            hint="Save the tokenizer again with a recent version of transformers.",
        ) from None
    return tokenizer


def read_settings(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json over special_tokens_map.json; raises ModelRejected when they ask for code."""
    path = folder / "tokenizer_config.json"
    settings = strict_json.read_object(path, MAX_TOKENIZER) if path.is_file() else {}
    if settings.get("auto_map"):
        raise ModelRejected(
            "tokenizer_config.json asks for auto_map: this tokenizer needs code from the model repository; that is not supported.",
            code="MODEL_NEEDS_CODE",
            field="auto_map",
        )
    extra = folder / "special_tokens_map.json"
    return (strict_json.read_object(extra, MAX_TOKENIZER) if extra.is_file() else {}) | settings


def _text(token: Any) -> str:
    """A token in tokenizer_config.json is its text, or an object with `content`."""
    value = token.get("content") if isinstance(token, dict) else token
    return value if isinstance(value, str) else ""


def _adds_bos(tokenizer: Any, bos: int | None) -> bool:
    return bos is not None and tokenizer.encode("a").ids[:1] == [bos]


def main(folder: str) -> None:
    limit_myself()
    try:
        answer = tokenizer_facts(Path(folder)).model_dump()
    except DistillError as e:
        answer = {"error": e.as_dict()}
    except MemoryError:
        raise SystemExit(1) from None
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
