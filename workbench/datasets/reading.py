"""A row as two tokenizers read it, shaped for the page: each token with its words, and spans both cut at the same places."""

from __future__ import annotations

from typing import Any

LISTED = 400  # tokens in the list that stands under the coloured text
WORDS = {"prompt": "prompt, read only", "learnt": "learnt", "ignored": "ignored", "cut": "cut, too long"}


def laid_out(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The child's reply, each row with `cells`: what a token shows, is, and says on hover or when it has the focus."""
    for model in models:
        for row in model["rows"]:
            row["cells"] = [
                cell(n, *token, *detail)
                for n, (token, detail) in enumerate(zip(row["tokens"], row["details"], strict=True))
            ]
            row["listed"] = row["cells"][:LISTED]
            row["per_token"] = row["characters"] / max(1, sum(row["classes"].values()))
    return models


def cell(
    n: int, text: str, kind: str, id: int, control: bool, start: int, stop: int, piece: str, spelled: str
) -> dict[str, Any]:
    """`show`: the text, with white space made visible where a token holds nothing else."""
    visible = text if text.strip() else text.replace("\n", "↵\n").replace("\t", "⇥").replace(" ", "␣")
    where = f"characters {start:,} to {stop - 1:,}" if stop > start else "no character of its own"
    said = [f"token {n + 1:,}", f"id {id:,}", WORDS[kind] + (", control token" if control else ""), where]
    if spelled:
        said.append(f"bytes {spelled}")
    return {
        "show": visible or "·", "kind": kind, "control": control, "id": id, "n": n + 1, "start": start, "stop": stop, "piece": piece,
        "bytes": spelled, "said": "; ".join(said), "words": WORDS[kind],
    }  # fmt: skip


def aligned(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Parts of the first row with runs of equal spans joined: {role, left, right, runs: [{same, left, right, text, n}]}."""
    out = []
    for part in (found.get("aligned") or [[]])[0]:
        runs: list[dict[str, Any]] = []
        for span in part["spans"]:
            if span["same"] and runs and runs[-1]["same"]:
                runs[-1]["left"] += span["left"]
                runs[-1]["right"] += span["right"]
            else:
                runs.append({"same": span["same"], "left": list(span["left"]), "right": list(span["right"])})
        differing = [r for r in runs if not r["same"]]
        out.append({**part, "runs": runs, "differing": len(differing), "equal": bool(runs) and not differing})
    return out


def same_text(found: dict[str, Any]) -> bool:
    """Whether both templates write the row the same, so that tokens can be matched by their characters."""
    texts = [m["rows"][0]["rendered"] for m in found["models"] if m["rows"]]
    return len(texts) == 2 and texts[0] == texts[1]
