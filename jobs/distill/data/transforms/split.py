"""Training and held-out rows, once and for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from ..families import Groups, group_key, prompt_key
from ..limits import count
from ..minhash import near_pairs
from ..split import share_of, side_of
from .base import Context, Log, Row, Step, extra
from .matching import value_of
from .texts import texts_of

OTHERS = {"": "Only the question", "group": "Question and group", "domain": "Question and domain"}
EXISTING = {"replace": "All rows are split anew", "keep": "Rows that have a split keep it"}


@dataclass(frozen=True)
class Seen:
    keys: list[str]  # of each row's family
    held: frozenset[str]  # families that are held out


class Split(Step):
    """Families of rows (same question as it looks, same group, near copies) stand on one side, by the hash of the family.

    Seed 0 and no group hold out the rows that a run would hold out by itself at the same share.
    """

    title: ClassVar[str] = "Split"
    summary: ClassVar[str] = (
        "Training and held-out rows by hash; copies, groups and near copies never stand on both sides."
    )
    group: ClassVar[str] = "Split and balance"
    looks: ClassVar[bool] = True

    kind: Literal["split"] = "split"
    heldout: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Of the families of labelled rows. They judge and are never trained on.",
    )
    together: Literal["", "group", "domain"] = Field(
        "group",
        title="Keep together",
        description="Rows of one group, for instance one document or one person, stand on one side.",
        json_schema_extra=extra(choices=OTHERS),
    )
    near: bool = Field(
        False,
        title="Keep near copies together",
        description="Questions of which four fifths are the same; takes longer.",
    )
    existing: Literal["replace", "keep"] = Field(
        "replace",
        title="Rows that have a split",
        description="keep: a family with a held-out row is held out as a whole.",
        json_schema_extra=extra(choices=EXISTING),
    )
    seed: int = Field(0, ge=0, le=2**31, title="Seed", description="Another seed holds out other rows.")

    def words(self) -> str:
        beside = f", {self.together}s together" if self.together else ""
        return f"Split: a share of {self.heldout:g} held out{beside}, seed {self.seed}"

    def look(self, rows: Iterable[Row], context: Context) -> Seen:
        groups, keys, asked = Groups(), list[str](), list[str]()
        labelled, held, trained = set[str](), set[str](), set[str]()
        for row in rows:
            key = prompt_key(row)
            keys.append(key)
            if self.together and (value := value_of(row, self.together)) is not None:
                groups.join(group_key(value), key)
            if self.near:
                asked.append("\n".join(texts_of(row, "prompt")))
            if row["answer"] is not None:
                labelled.add(key)
            if row["split"] is not None:
                (held if row["split"] == "heldout" else trained).add(key)
        for i, j, _ in near_pairs(asked, 0.8) if self.near else ():
            groups.join(keys[i], keys[j])
        families = [groups.find(key) for key in keys]
        chosen = {f for f in {groups.find(k) for k in labelled} if self._held(f)}
        if self.existing == "keep":
            own = {groups.find(k) for k in held}
            chosen = own | (chosen - {groups.find(k) for k in trained})
        return Seen(families, frozenset(chosen))

    def _held(self, family: str) -> bool:
        """By hash; with seed 0 as a run decides by itself."""
        if not self.seed:
            return side_of(family, self.heldout) == "heldout"
        return share_of(f"{self.seed}:{family}") < self.heldout

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Seen) -> Iterator[Row]:
        sides = Counter[str]()
        for row, family in zip(rows, seen.keys, strict=True):
            side = "heldout" if family in seen.held else "train"
            sides[side] += 1
            if row["split"] == side:
                yield row
            else:
                why = "held out" if side == "heldout" else "for training"
                out = log.change(row, {**row, "split": side}, why)
                assert out is not None  # texts did not change
                yield out
        log.note(
            f"{count(sides['train'], 'training row')}, {count(sides['heldout'], 'held-out row')} in {count(len(set(seen.keys)), 'family', 'families')}."
        )
        if not sides["heldout"]:
            log.note("No row is held out: nothing could be scored. Choose a larger share.")
