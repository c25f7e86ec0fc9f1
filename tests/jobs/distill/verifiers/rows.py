"""Rows as verifiers read them, and a bench without models: these verifiers ask nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.distill.verifiers.base import Verdict, Verifier


@dataclass(frozen=True)
class Written:
    row_id: str
    messages: tuple[dict[str, str], ...]
    answer: str | None
    fields: Mapping[str, Any]


def row(
    answer: str | None = "", question: str = "What?", id: str = "r0", of: str | None = None, **fields: Any
) -> Written:
    """A row; `of` names the row it was written for."""
    if of is not None:
        fields["lineage"] = {"parents": [of], **fields.get("lineage", {})}
    return Written(id, ({"role": "user", "content": question},), answer, fields)


@dataclass
class Quiet:
    """Takes notes; whoever asks a model is told that there is none."""

    seed: int = 0
    heldout: Sequence[Written] = ()
    notes: list[str] = field(default_factory=list)

    def ask(self, who: str, requests: Any) -> Any:
        raise AssertionError("this verifier needs no model")

    read = ask

    def note(self, text: str, level: str = "info") -> None:
        self.notes.append(f"{level}: {text}")


def check(
    part: type[Verifier], rows: Sequence[Written], heldout: Sequence[Written] = (), **options: Any
) -> list[Verdict]:
    """Verdicts with these options, through the same model as a recipe's."""
    verdicts = part().check(rows, part.Options.model_validate(options), Quiet(heldout=heldout))
    assert len(verdicts) == len(rows)
    assert all(v.reason for v in verdicts if not v.ok)
    return verdicts


def oks(part: type[Verifier], rows: Sequence[Written], heldout: Sequence[Written] = (), **options: Any) -> list[bool]:
    return [v.ok for v in check(part, rows, heldout, **options)]


def reason(part: type[Verifier], one: Written, **options: Any) -> str:
    """Why a row is dropped."""
    (verdict,) = check(part, [one], **options)
    assert not verdict.ok
    return verdict.reason
