"""Keep or drop rows by what they say, how long they are and what they carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from .base import Context, Log, Row, Step, extra
from .matching import batches, shown
from .regex import Pattern
from .texts import WHERE, Where, fields_of, question, texts_of

Rule = tuple[str, Callable[[list[Row]], list[bool]]]  # what a row fails by, and whether each row of a batch meets it
MOST_IDS = 100_000
CARRIED = (
    "domain",
    "rationale",
    "chosen",
    "rejected",
    "ranked",
    "privileged",
    "weight",
    "group",
    "paint",
    "soft",
    "source_id",
)


class Filter(Step):
    """A row passes when it meets every condition that is given."""

    title: ClassVar[str] = "Filter rows"
    summary: ClassVar[str] = "Keep or drop rows by text, length, label, split, domain, language or a list of ids."
    group: ClassVar[str] = "Choose rows"

    kind: Literal["filter"] = "filter"
    action: Literal["keep", "drop"] = Field(
        "keep",
        title="Rows that meet every condition",
        description="keep: all others are dropped. drop: they are dropped, all others stay.",
        json_schema_extra=extra(choices={"keep": "Keep them", "drop": "Drop them"}),
    )
    where: Where = Field(
        "everywhere",
        title="Look in",
        description="Which texts of a row are searched and measured.",
        json_schema_extra=extra(choices=WHERE),
    )
    contains: str = Field(
        "", max_length=1000, title="Contains", description="A text that stands in the row as written."
    )
    pattern: str = Field(
        "",
        max_length=1000,
        title="Regular expression",
        description="RE2 syntax, found anywhere in a text; look-ahead and back references are not supported, so that none can take forever.",
    )
    ignore_case: bool = Field(True, title="Ignore case", description="Of the text and the regular expression above.")
    min_chars: int | None = Field(None, ge=0, title="At least (characters)", description="All searched texts together.")
    max_chars: int | None = Field(None, ge=0, title="At most (characters)", description="All searched texts together.")
    min_tokens: int | None = Field(
        None, ge=0, title="At least (tokens)", description="The whole row, as the model reads it."
    )
    max_tokens: int | None = Field(
        None, ge=1, title="At most (tokens)", description="The whole row, as the model reads it."
    )
    tokenizer: str = Field("", max_length=300, title="Tokens of", description="The model whose tokens are counted.")
    labels: tuple[str, ...] = Field((), title="Labels", description="One of these answers, exactly. One a line.")
    labelled: Literal["", "yes", "no"] = Field(
        "",
        title="Has an answer",
        description="Labelled rows teach and judge; unlabelled ones are answered by the teacher.",
        json_schema_extra=extra(choices={"": "Either", "yes": "Labelled", "no": "Unlabelled"}),
    )
    split: Literal["", "train", "heldout", "none"] = Field(
        "",
        title="Split",
        description="none: rows without a split of their own; a run splits them by hash.",
        json_schema_extra=extra(
            choices={"": "Any", "train": "Training", "heldout": "Held out", "none": "Not split yet"}
        ),
    )
    domains: tuple[str, ...] = Field((), title="Domains", description="One of these domains, exactly. One a line.")
    languages: tuple[str, ...] = Field(
        (),
        title="Languages",
        description="Of the last question, by its commonest little words: English, German, Japanese ...; 'not told' where they do not decide. One a line.",
    )
    has: tuple[str, ...] = Field(
        (), title="Carries", description=f"Every one of these: {', '.join(CARRIED)}. One a line."
    )
    lacks: tuple[str, ...] = Field((), title="Lacks", description="None of these, by the same names. One a line.")
    row_ids: tuple[str, ...] = Field(
        (), max_length=MOST_IDS, title="Row ids", description="A saved list: ids of rows, one a line."
    )

    @field_validator("has", "lacks")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [v for v in value if v not in CARRIED]:
            raise ValueError(f"no row carries “{wrong[0]}”; these are known: {', '.join(CARRIED)}")
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        if value:
            Pattern(value)
        return value

    @model_validator(mode="after")
    def _something(self) -> Filter:
        if not self._given():
            raise ValueError("choose at least one condition")
        for low, high, unit in (
            (self.min_chars, self.max_chars, "characters"),
            (self.min_tokens, self.max_tokens, "tokens"),
        ):
            if low is not None and high is not None and low > high:
                raise ValueError(f"at least {low:,} and at most {high:,} {unit} leaves no row")
        if (self.min_tokens is not None or self.max_tokens is not None) and not self.tokenizer:
            raise ValueError("tokenizer: choose the model whose tokens are counted")
        return self

    def _given(self) -> dict[str, Any]:
        about = {"kind", "action", "where", "ignore_case", "tokenizer"}
        return {k: v for k, v in self.model_dump(exclude_defaults=True).items() if k not in about}

    def words(self) -> str:
        conditions = "; ".join(
            f"{(type(self).model_fields[k].title or k).lower()} {', '.join(map(str, v[:3])) + (' …' if len(v) > 3 else '') if isinstance(v, tuple) else v}"
            for k, v in self._given().items()
        )
        return f"{'Keep' if self.action == 'keep' else 'Drop'} rows: {conditions}"

    def needs(self) -> dict[str, str]:
        return {"tokenizer": self.tokenizer} if self.tokenizer else {}

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        rules, wanted = self._rules(context), set(self.row_ids)
        missing = set(wanted)
        for batch in batches(rows):
            missing.difference_update(r["row_id"] for r in batch)
            results = [(name, meets(batch)) for name, meets in rules]
            for i, row in enumerate(batch):
                failed = [name for name, met in results if not met[i]]
                if self.action == "keep" and failed:
                    log.drop(row, "; ".join(failed), failed[0])
                elif self.action == "drop" and not failed:
                    log.drop(row, "meets every condition")
                else:
                    yield row
        if missing:
            log.note(f"{len(missing):,} of {len(wanted):,} ids of the list are not among these rows.")

    def _rules(self, context: Context) -> list[Rule]:
        return [*self._text_rules(), *self._length_rules(context), *self._value_rules()]

    def _text_rules(self) -> Iterator[Rule]:
        for text, plain in ((self.contains, True), (self.pattern, False)):
            if text:
                one = Pattern(text, plain=plain, ignore_case=self.ignore_case)
                name = f"does not contain {shown(text)}" if plain else f"does not match {shown(text)}"
                yield name, lambda batch, one=one: self._any(batch, one)  # type: ignore[misc]

    def _any(self, batch: list[Row], pattern: Pattern) -> list[bool]:
        parts = [texts_of(r, self.where) for r in batch]
        hits = iter(pattern.found([t for p in parts for t in p]))
        return [sum(next(hits) for _ in p) > 0 for p in parts]  # each hit is taken, found or not

    def _length_rules(self, context: Context) -> Iterator[Rule]:
        def chars(row: Row) -> int:
            return sum(len(t) for t in texts_of(row, self.where))

        def tokens(row: Row) -> int:
            return int(sum(context.reader(self.tokenizer).lengths(row)))

        for low, high, unit, measure in (
            (self.min_chars, self.max_chars, "characters", chars),
            (self.min_tokens, self.max_tokens, "tokens", tokens),
        ):
            if low is not None:
                yield f"fewer than {low:,} {unit}", lambda batch, n=low, m=measure: [m(r) >= n for r in batch]  # type: ignore[misc]
            if high is not None:
                yield f"more than {high:,} {unit}", lambda batch, n=high, m=measure: [m(r) <= n for r in batch]  # type: ignore[misc]

    def _value_rules(self) -> Iterator[Rule]:
        if self.labels:
            labels = set(self.labels)
            yield "another label", lambda batch: [r["answer"] in labels for r in batch]
        if self.labelled:
            wanted = self.labelled == "yes"
            name = "has no answer" if wanted else "has an answer"
            yield name, lambda batch: [(r["answer"] is not None) == wanted for r in batch]
        if self.split:
            yield "another split", lambda batch: [(r["split"] or "none") == self.split for r in batch]
        if self.domains:
            yield "another domain", lambda batch: [fields_of(r).get("domain") in self.domains for r in batch]
        if self.languages:
            yield "another language", self._speaks
        for name in self.has:
            yield f"carries no {name}", lambda batch, n=name: [_carries(r, n) for r in batch]  # type: ignore[misc]
        for name in self.lacks:
            yield f"carries a {name}", lambda batch, n=name: [not _carries(r, n) for r in batch]  # type: ignore[misc]
        if self.row_ids:
            ids = set(self.row_ids)
            yield "not in the list of ids", lambda batch: [r["row_id"] in ids for r in batch]

    def _speaks(self, batch: list[Row]) -> list[bool]:
        from ..profile.languages import language

        wanted = {name.casefold() for name in self.languages}
        return [language(question(r)).casefold() in wanted for r in batch]


def _carries(row: Row, name: str) -> bool:
    return bool(row.get("source_id")) if name == "source_id" else name in fields_of(row)
