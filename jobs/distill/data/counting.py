"""What is counted while rows pass: labels, repeats, overlaps, secrets; once over all rows, in bounded memory."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .limits import count
from .rows import Row
from .split import GROUP
from .tally import BITS, Tally

CONTROL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|</?think>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"
)
SECRETS = {
    "card number": re.compile(r"\b[3-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}\b"),
    "e-mail address": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}\b"),
    "phone number": re.compile(r"(?<![\w+)])\+\d{1,3}[ -]?\d{2,5}(?:[ -]?\d{2,6}){1,4}\b(?![+*/=])"),
    "access key": re.compile(
        r"\bAKIA[0-9A-Z]{16}\b|\bghp_\w{36}\b|\bgithub_pat_\w{22,}\b|\bxox[abpr]-[\w-]{10,}|\bsk-[A-Za-z0-9]{20,}\b"
    ),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
DIGITS = re.compile(r"\d{4}")
# A cheap look before each pattern: most texts hold none of these.
HINTS: dict[str, Callable[[str], object]] = {
    "card number": DIGITS.search,
    "e-mail address": lambda s: "@" in s,
    "phone number": lambda s: "+" in s,
    "access key": lambda s: "AKIA" in s or "ghp_" in s or "github_pat_" in s or "xox" in s or "sk-" in s,
    "private key": lambda s: "-----BEGIN" in s,
}
LABELS_KEPT, SHORTS_KEPT, LABEL_CHARS, LONG_CHARS = 20_000, 100_000, 200, 12_000


@dataclass
class Counting:
    """Counts over the rows as they pass. Memory: some 70 bytes a row, for hashes of texts, never the texts themselves."""

    rows: int = 0
    labelled: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    raw_labels: set[str] = field(default_factory=set)
    too_many_labels: bool = False
    trained: set[str] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, list[int]] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    control: list[int] = field(default_factory=list)
    control_count: int = 0
    secrets: Counter[str] = field(default_factory=Counter)
    long_rows: int = 0
    duplicates: int = 0
    duplicate_lines: list[tuple[int, int]] = field(default_factory=list)
    near_duplicates: int = 0  # pairs of prompts that differ only by case, white space or invisible characters
    conflict_count: int = 0  # prompts that stand under different answers
    conflicts: list[str] = field(default_factory=list)  # the first of them
    contradictions: list[tuple[int, int]] = field(default_factory=list)
    label_column: bool = False  # the column of answers is named as labels are
    # Rows of the same content, of the same prompt, of prompts that look the same: a Tally, and arrays by its places.
    _ids: Tally = field(default_factory=Tally, repr=False)
    _id_rows: array[int] = field(default_factory=lambda: array("I"), repr=False)
    _prompts: Tally = field(default_factory=Tally, repr=False)
    _asked: array[int] = field(default_factory=lambda: array("I"), repr=False)  # rows with this prompt
    _answer: array[int] = field(default_factory=lambda: array("Q"), repr=False)  # hash of its first answer, 0: none yet
    _answer_line: array[int] = field(default_factory=lambda: array("Q"), repr=False)
    _clashes: bytearray = field(default_factory=bytearray, repr=False)
    _shorts: dict[int, str] = field(default_factory=dict, repr=False)  # beginning of the first answer, by prompt
    _groups: Tally = field(default_factory=Tally, repr=False)
    _group_rows: array[int] = field(default_factory=lambda: array("I"), repr=False)
    _group_held: array[int] = field(default_factory=lambda: array("I"), repr=False)
    _seen_pairs: Tally = field(default_factory=Tally, repr=False)
    _pair_lines: array[int] = field(default_factory=lambda: array("Q"), repr=False)

    def see(self, row: Row) -> int:
        """Counts a row; how many rows with the same content came before it."""
        self.rows += 1
        self.splits[row.split or ""] += 1
        if row.remarks:
            self.remarks.update(set(row.remarks))
        self._text(row)
        if row.answer is not None:
            self._count_answer(row, row.answer)
        return self._copies(row)

    def _count_answer(self, row: Row, answer: str) -> None:
        self.labelled += 1
        lines = self.kinds.setdefault(row.answer_kind, [])
        if len(lines) < 5:
            lines.append(row.line)
        if self.too_many_labels:
            return
        if len(answer) > LABEL_CHARS or (answer not in self.labels and len(self.labels) >= LABELS_KEPT):
            self.too_many_labels = True
            self.labels.clear()
            self.raw_labels.clear()
            return
        self.labels[answer] += 1
        self.raw_labels.add(row.said if row.said is not None else answer)
        if row.split == "heldout":
            self.held[answer] += 1
        else:
            self.trained.add(answer)

    def _text(self, row: Row) -> None:
        texts = [m["content"] for m in row.messages]
        if row.answer:
            texts.append(row.answer)
        whole = "\n".join(texts)
        if len(whole) - len(texts) + 1 > LONG_CHARS:
            self.long_rows += 1
        if ("<" in whole or "[" in whole) and CONTROL.search(whole):
            self.control_count += 1
            if len(self.control) < 20:
                self.control.append(row.line)
        if len(whole) < 20_000:
            for name, pattern in SECRETS.items():
                if HINTS[name](whole) and any(
                    name != "card number" or _luhn(m.group()) for m in pattern.finditer(whole)
                ):
                    self.secrets[name] += 1

    def _copies(self, row: Row) -> int:
        place = self._ids.place(int(row.row_id, 16))
        if place == len(self._id_rows):
            self._id_rows.append(0)
        before = self._id_rows[place]
        self._id_rows[place] = before + 1
        if before:
            self.duplicates += 1
            if len(self.duplicate_lines) < 20:
                self.duplicate_lines.append((row.line, before))
        prompt = hash(tuple([part for m in row.messages for part in (m["role"], m["content"])]))
        same = self._same_prompt(row, prompt)
        self.near_duplicates += self._look_alikes(row) - same
        if "rejected" in row.fields:
            self._pair(row, prompt)
        return before

    def _same_prompt(self, row: Row, prompt: int) -> int:
        """How many rows before asked exactly this; a different answer to it is a conflict, counted once a prompt."""
        place = self._prompts.place(prompt)
        if place == len(self._asked):
            self._asked.append(0)
            self._answer.append(0)
            self._answer_line.append(0)
            self._clashes.append(0)
        before = self._asked[place]
        self._asked[place] = before + 1
        if row.answer is not None:
            found, first = hash(row.answer) & BITS or 1, self._answer[place]
            if not first:
                self._answer[place], self._answer_line[place] = found, max(0, row.line)
                if len(self._shorts) < SHORTS_KEPT:
                    self._shorts[place] = row.answer[:40]
            elif first != found and not self._clashes[place]:
                self._clashes[place] = 1
                self._conflict(place, row)
        return before

    def _conflict(self, place: int, row: Row) -> None:
        self.conflict_count += 1
        if len(self.conflicts) < 20:
            short = self._shorts.get(place)
            first = repr(short) if short is not None else f"the answer of line {self._answer_line[place]:,}"
            self.conflicts.append(f"{first} and {(row.answer or '')[:40]!r}, line {row.line:,}")

    def _look_alikes(self, row: Row) -> int:
        """How many rows before have a prompt that looks the same."""
        place = self._groups.place(int(row.row_id[:GROUP], 16))
        if place == len(self._group_rows):
            self._group_rows.append(0)
            self._group_held.append(0)
        before = self._group_rows[place]
        self._group_rows[place] = before + 1
        if row.split == "heldout":
            self._group_held[place] += 1
        return before

    @property
    def overlap(self) -> int:
        """Held-out rows whose prompt also occurs among the other rows."""
        if not self.splits.get("heldout"):
            return 0
        return sum(h for n, h in zip(self._group_rows, self._group_held, strict=True) if 0 < h < n)

    def _pair(self, row: Row, prompt: int) -> None:
        chosen, rejected = row.fields.get("chosen"), row.fields.get("rejected")
        place = self._seen_pairs.place(hash((prompt, chosen, rejected)))
        if place < len(self._pair_lines):
            return
        self._pair_lines.append(max(0, row.line))
        turned = self._seen_pairs.find(hash((prompt, rejected, chosen)))
        if turned is not None and turned != place and len(self.contradictions) < 100:
            self.contradictions.append((self._pair_lines[turned], row.line))

    def task(self) -> dict[str, str]:
        """{kind, why}: classification when few answers repeat, else free answers."""
        n = len(self.labels)
        if not self.labelled:
            return {"kind": "prompts", "why": "no row has an answer"}
        if not self.too_many_labels and self.label_column:
            return {
                "kind": "classification",
                "why": f"the answers stand in a column of labels: {count(n, 'label')} for {count(self.labelled, 'labelled row')}",
            }
        if self.too_many_labels or n > self.labelled // 3:
            return {
                "kind": "answers",
                "why": f"{count(self.labelled, 'answer')}, most of them different"
                if self.too_many_labels
                else f"{count(n, 'different answer')} in {count(self.labelled, 'labelled row')}",
            }
        return {"kind": "classification", "why": f"{count(n, 'label')} for {count(self.labelled, 'labelled row')}"}


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()][::-1]
    return (
        len(digits) >= 13
        and len(set(digits)) > 1
        and sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10 == 0
    )
