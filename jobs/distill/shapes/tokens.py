"""A tokenizer with fewer tokens that cuts the kept texts exactly as before. No torch: tokenizer.json is rewritten as data."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PlanRefused
from ..models.tokenizer import read_settings

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # how byte fallback writes a byte
CONFIG_IDS = ("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id", "unk_token_id", "sep_token_id")
FIELD = "student.shape"


@dataclass(frozen=True)
class Rebuilt:
    """kept[new id] = old id. files: name -> content of the tokenizer's files."""

    kept: list[int]
    files: dict[str, str]

    @property
    def new(self) -> dict[int, int]:
        return {old: new for new, old in enumerate(self.kept)}

    def ids(self, value: Any) -> Any:
        """A field of config.json that holds an id or a list of ids; ids that are gone become None or are left out."""
        if isinstance(value, list):
            return [self.new[v] for v in value if v in self.new]
        return self.new.get(value) if isinstance(value, int) else value


def trim(folder: Path, counts: Mapping[int, int], least: int, limit: int | None, always: Collection[int]) -> Rebuilt:
    """The tokenizer of `folder` with the tokens that `counts` has seen at least `least` times (at most the `limit` most
    frequent), special and added tokens, `always`, single characters and bytes, and all pieces these are merged from.

    Raises PlanRefused for a kind of tokenizer whose tokens cannot be taken out.
    """
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = data["model"]
    kind = model.get("type") or ("BPE" if "merges" in model else "")
    if kind not in ("BPE", "Unigram"):
        raise PlanRefused(
            f"Tokens can be taken out of BPE and Unigram tokenizers; this one is {kind or 'of an unknown kind'}.",
            field=FIELD,
            hint="Keep the vocabulary, or choose another student.",
        )
    if not any(t.get("special") for t in data.get("added_tokens") or []):
        raise PlanRefused(
            "The student's tokenizer has no special tokens, so a trimmed vocabulary would have no end-of-text token to keep.",
            field=FIELD,
            hint="Choose a student whose tokenizer marks its special tokens.",
        )
    seen = sorted((i for i, n in counts.items() if n >= least), key=lambda i: (-counts[i], i))[:limit]
    needed = {*seen, *always, *(t["id"] for t in data.get("added_tokens") or [])}
    kept = _trim_bpe(model, needed) if kind == "BPE" else _trim_unigram(model, needed)
    return _rebuilt(folder, data, sorted(kept | {t["id"] for t in data.get("added_tokens") or []}))


def _trim_bpe(model: dict[str, Any], needed: set[int]) -> set[int]:
    """Ids kept. A token needs the merge that makes it and so both its parts: with them, every text whose tokens are all kept
    goes through the same merges in the same order as before."""
    vocab: dict[str, int] = model["vocab"]
    makers: dict[str, list[tuple[str, str]]] = {}
    for merge in model["merges"]:
        left, right = merge if isinstance(merge, list) else merge.split(" ", 1)
        prefix = model.get("continuing_subword_prefix") or ""
        makers.setdefault(left + right.removeprefix(prefix), []).append((left, right))
    words = {i: t for t, i in vocab.items()}
    kept = {i for t, i in vocab.items() if _letter(t, model)}
    todo = [i for i in needed | _named(model, vocab) if i in words]
    while todo:
        kept.add(id := todo.pop())
        parts = {p for pair in makers.get(words[id], []) for p in pair}
        todo += [vocab[p] for p in parts if p in vocab and vocab[p] not in kept]
    there = {words[i] for i in kept}
    model["merges"] = [
        pair if isinstance(merge, list) else merge
        for merge in model["merges"]
        for pair in [merge if isinstance(merge, list) else merge.split(" ", 1)]
        if _made(pair, model) in there and pair[0] in there and pair[1] in there
    ]
    return kept


def _letter(text: str, model: dict[str, Any]) -> bool:
    """What any text can be spelled with: bytes, and single characters where there is no falling back to bytes."""
    return bool(BYTE.fullmatch(text)) or (len(text) == 1 and not model.get("byte_fallback"))


def _made(pair: list[str], model: dict[str, Any]) -> str:
    return pair[0] + pair[1].removeprefix(model.get("continuing_subword_prefix") or "")


def _named(model: dict[str, Any], vocab: dict[str, int]) -> set[int]:
    """The unknown token, where the model has one."""
    unknown = model.get("unk_token")
    return {vocab[unknown]} if unknown in vocab else set()


def _trim_unigram(model: dict[str, Any], needed: set[int]) -> set[int]:
    """Ids kept: the best cut of a text stays the best when only pieces that it does not use are gone."""
    pieces = model["vocab"]
    single = {i for i, (text, _) in enumerate(pieces) if _letter(text, model)}
    unknown = {model["unk_id"]} if model.get("unk_id") is not None else set()
    return {i for i in needed if i < len(pieces)} | single | unknown


def _rebuilt(folder: Path, data: dict[str, Any], kept: list[int]) -> Rebuilt:
    new = {old: n for n, old in enumerate(kept)}
    model = data["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {t: new[i] for t, i in sorted(model["vocab"].items(), key=lambda x: x[1]) if i in new}
    else:
        model["vocab"] = [piece for i, piece in enumerate(model["vocab"]) if i in new]
        model["unk_id"] = new.get(model.get("unk_id"))
    data["added_tokens"] = [{**t, "id": new[t["id"]]} for t in data.get("added_tokens") or []]
    _renumber_post(data.get("post_processor"), new)
    if isinstance(padding := data.get("padding"), dict) and "pad_id" in padding:
        padding["pad_id"] = new.get(padding["pad_id"], 0)
    files = {"tokenizer.json": json.dumps(data, ensure_ascii=False)}
    settings = copy.deepcopy(read_settings(folder))
    listed = settings.get("added_tokens_decoder")
    if isinstance(listed, dict):
        settings["added_tokens_decoder"] = {str(new[int(i)]): t for i, t in listed.items() if int(i) in new}
    files["tokenizer_config.json"] = json.dumps(settings, ensure_ascii=False, indent=1)
    return Rebuilt(kept, files)


def _renumber_post(post: Any, new: dict[int, int]) -> None:
    """Ids inside a post-processor: the special tokens of a template, or pairs of (text, id)."""
    if isinstance(post, list):
        for entry in post:
            _renumber_post(entry, new)
    if not isinstance(post, dict):
        return
    for entry in (post.get("special_tokens") or {}).values() if isinstance(post.get("special_tokens"), dict) else ():
        entry["ids"] = [new[i] for i in entry["ids"] if i in new]
    for name in ("sep", "cls"):
        if isinstance(pair := post.get(name), list) and len(pair) == 2 and isinstance(pair[1], int):
            pair[1] = new.get(pair[1], 0)
    _renumber_post(post.get("processors"), new)
