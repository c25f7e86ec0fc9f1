"""What is counted while rows pass: labels, repeats, overlaps, secrets; once over all rows, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from .limits import count
from .rows import Row
from .split import GROUP

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
# A cheap look before each pattern: most texts hold none of these.
HINTS = {
    "card number": re.compile(r"[3-6]\d{3}[ -]?\d{4}"),
    "e-mail address": re.compile("@"),
    "phone number": re.compile(r"\+\d"),
    "access key": re.compile(r"AKIA|ghp_|github_pat_|xox|sk-"),
    "private key": re.compile("-----BEGIN"),
}
LABELS_KEPT, PROMPTS_KEPT, LABEL_CHARS, LONG_CHARS = 20_000, 1_000_000, 200, 12_000


@dataclass
class Counting:
    """Counts over the rows as they pass. Memory is bounded: hashes of at most a million prompts are kept."""

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
    ids: dict[int, int] = field(default_factory=dict)
    exact: Counter[int] = field(default_factory=Counter)
    answers: dict[int, tuple[int, str]] = field(default_factory=dict)
    prompts: dict[int, list[int]] = field(
        default_factory=dict
    )  # group -> [rows, bits: 1 train, 2 held out, of exact pairs]
    conflicts: dict[int, str] = field(default_factory=dict)
    unwatched: int = 0
    duplicates: int = 0
    duplicate_lines: list[tuple[int, int]] = field(default_factory=list)
    held_prompts: Counter[int] = field(default_factory=Counter)
    label_column: bool = False  # the column of answers is named as labels are
    pairs: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    contradictions: list[tuple[int, int]] = field(default_factory=list)

    def see(self, row: Row) -> int:
        """Counts a row; how many rows with the same content came before it, -1 where that is not known any more."""
        self.rows += 1
        self.splits[row.split or ""] += 1
        self.remarks.update(set(row.remarks))
        self._text(row)
        if row.answer is not None:
            self._answer(row, row.answer)
        return self._copies(row)

    def _answer(self, row: Row, answer: str) -> None:
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
        texts = [m["content"] for m in row.messages] + ([row.answer] if row.answer else [])
        whole = "\n".join(texts)
        if sum(map(len, texts)) > LONG_CHARS:
            self.long_rows += 1
        if ("<" in whole or "[" in whole) and CONTROL.search(whole):
            self.control_count += 1
            if len(self.control) < 20:
                self.control.append(row.line)
        if len(whole) < 20_000:
            for name, pattern in SECRETS.items():
                if HINTS[name].search(whole) and any(
                    name != "card number" or _luhn(m.group()) for m in pattern.finditer(whole)
                ):
                    self.secrets[name] += 1

    def _copies(self, row: Row) -> int:
        if len(self.ids) >= PROMPTS_KEPT:
            self.unwatched += 1
            return -1
        whole, group = int(row.row_id, 16), int(row.row_id[:GROUP], 16)
        before = self.ids.get(whole, 0)
        self.ids[whole] = before + 1
        if before:
            self.duplicates += 1
            if len(self.duplicate_lines) < 20:
                self.duplicate_lines.append((row.line, before))
        prompt = hash(tuple((m["role"], m["content"]) for m in row.messages))
        self.exact[prompt] += 1
        if row.answer is not None:
            short = row.answer[:40]
            if (first := self.answers.setdefault(prompt, (hash(row.answer), short)))[0] != hash(row.answer):
                self.conflicts.setdefault(prompt, f"{first[1]!r} and {short!r}, line {row.line:,}")
        seen = self.prompts.setdefault(group, [0, 0, 0])
        seen[0] += 1
        seen[2] += self.exact[prompt] - 1
        bit = 2 if row.split == "heldout" else 1
        seen[1] |= bit
        if bit == 2:
            self.held_prompts[group] += 1
        self._pair(row, prompt)
        return before

    def _pair(self, row: Row, prompt: int) -> None:
        chosen, rejected = row.fields.get("chosen"), row.fields.get("rejected")
        if rejected is None or chosen is None:
            return
        first = self.pairs.setdefault(prompt, (chosen, rejected, row.line))
        if first[:2] == (rejected, chosen) and len(self.contradictions) < 100:
            self.contradictions.append((first[2], row.line))

    @property
    def near_duplicates(self) -> int:
        """Pairs of prompts that differ only by case, white space or invisible characters."""
        return sum(n * (n - 1) // 2 - same for n, _, same in self.prompts.values())

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
