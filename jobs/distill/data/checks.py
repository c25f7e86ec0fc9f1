"""What a person should know before these rows are trained on: seen once over all rows, told in counts and examples."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from .findings import Problem
from .limits import count
from .rows import Row, in_words
from .split import GROUP, look_alike

CONTROL = re.compile(r"<\|[^|<>\s]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|</?think>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>")
SECRETS = {
    "card number": re.compile(r"\b[3-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}\b"),
    "e-mail address": re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}\b"),
    "phone number": re.compile(r"(?<![\w+)])\+\d{1,3}[ -]?\d{2,5}(?:[ -]?\d{2,6}){1,4}\b(?![+*/=])"),
    "access key": re.compile(r"\bAKIA[0-9A-Z]{16}\b|\bghp_\w{36}\b|\bgithub_pat_\w{22,}\b|\bxox[abpr]-[\w-]{10,}|\bsk-[A-Za-z0-9]{20,}\b"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
# A cheap look before each pattern: most texts hold none of these.
HINTS = {"card number": re.compile(r"[3-6]\d{3}[ -]?\d{4}"), "e-mail address": re.compile("@"), "phone number": re.compile(r"\+\d"), "access key": re.compile(r"AKIA|ghp_|github_pat_|xox|sk-"), "private key": re.compile("-----BEGIN")}
LABELS_KEPT, PROMPTS_KEPT, LABEL_CHARS, LONG_CHARS = 20_000, 1_000_000, 200, 12_000


@dataclass
class Checks:
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
    prompts: dict[int, list[int]] = field(default_factory=dict)  # group -> [rows, bits: 1 train, 2 held out, of exact pairs]
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
                if HINTS[name].search(whole) and any(name != "card number" or _luhn(m.group()) for m in pattern.finditer(whole)):
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
        if row.rejected is None or row.answer is None:
            return
        first = self.pairs.setdefault(prompt, (row.answer, row.rejected, row.line))
        if first[:2] == (row.rejected, row.answer) and len(self.contradictions) < 100:
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
            return {"kind": "classification", "why": f"the answers stand in a column of labels: {count(n, 'label')} for {count(self.labelled, 'labelled row')}"}
        if self.too_many_labels or n > self.labelled // 3:
            return {"kind": "answers", "why": f"{count(self.labelled, 'answer')}, most of them different" if self.too_many_labels else f"{count(n, 'different answer')} in {count(self.labelled, 'labelled row')}"}
        return {"kind": "classification", "why": f"{count(n, 'label')} for {count(self.labelled, 'labelled row')}"}

    def problems(self, answer_column: bool) -> list[Problem]:
        """Dataset-level problems, most serious first."""
        out = [*self._no_answers(answer_column), *self._mixed(), *self._pairs(), *self._overlap(), *self._labels(), *self._repeats(), *self._contents()]
        rank = {"refuse": 0, "choose": 1, "confirm": 2, "note": 3}
        return sorted(out, key=lambda p: rank[p.severity])

    def _no_answers(self, answer_column: bool) -> list[Problem]:
        if self.labelled or not self.rows:
            return []
        what = "Every answer is empty" if answer_column else "There is no column of answers"
        return [Problem("no_answers", "choose", f"{what}: {count(self.rows, 'row')} without an answer. The control arm and the score need labelled rows.", "Choose the column of answers, or add a file with labels.", "Import the rows as prompts for a teacher to answer")]

    def _mixed(self) -> list[Problem]:
        kinds = {k: v for k, v in self.kinds.items() if k != "null"}
        if len(kinds) < 2:
            if list(kinds) in (["a number"], ["true or false"]):
                return [Problem("numbers", "note", f"The answers are {'numbers' if list(kinds) == ['a number'] else 'true or false'}; they were taken as text, as written.")]
            return []
        listed = "; ".join(f"{k} (line {', '.join(map(str, v[:3]))})" for k, v in kinds.items())
        return [Problem("mixed_types", "choose", f"The answers are of {len(kinds)} types: {listed}. 1 and \"1\" would become the same label.", "Write all answers as text.", "Take all of them as text", count=len(kinds))]

    def _pairs(self) -> list[Problem]:
        out = []
        if self.contradictions:
            listed = ", ".join(f"line {a} against line {b}" for a, b in self.contradictions[:5])
            out.append(Problem("contradiction", "choose", f"{count(len(self.contradictions), 'pair contradicts', 'pairs contradict')} another on which answer is better: {listed}.", "Remove one of each.", "Import them all the same", count=len(self.contradictions)))
        if self.pairs:
            out.append(Problem("preference", "confirm", "Preference pairs: the chosen answer is imported as the answer; rejected answers are checked, not trained on."))
        return out

    def _overlap(self) -> list[Problem]:
        if not self.splits.get("heldout"):
            return [Problem("no_heldout", "confirm", "The split column has no held-out rows: nothing could be scored.", "Leave the split out to have rows held out by hash.")] if self.splits.get("train") else []
        out = []
        both = sum(n for group, n in self.held_prompts.items() if self.prompts[group][1] & 1)
        if both:
            out.append(Problem("overlap", "confirm", f"{both:,} of {self.splits['heldout']:,} held-out (test) rows also occur in train: the score would flatter.", "Remove them from one side.", count=both))
        new = {label: n for label, n in self.held.items() if label not in self.trained}
        if new and self.task()["kind"] == "classification":
            shown = ", ".join(repr(label) for label in list(new)[:5])
            out.append(Problem("untrained_label", "confirm", f"{count(len(new), 'label occurs', 'labels occur')} only in held-out (test) rows and {'is' if len(new) == 1 else 'are'} never trained: {shown}.", count=len(new)))
        return out

    def _labels(self) -> list[Problem]:
        out = []
        if self.labelled and len(self.labels) == 1 and not self.too_many_labels and self.labelled > 1:
            out.append(Problem("one_label", "confirm", f"Only one label, {next(iter(self.labels))!r}: nothing to learn, any model would score 100 %.", "Check that the right column is the answer."))
        if not self.too_many_labels and len(self.raw_labels) > len(self.labels):
            out.append(Problem("labels_joined", "confirm", f"{len(self.raw_labels):,} labels of the file became {len(self.labels):,}: some differ only in what was changed.", "Import the labels as they are written, if they mean different things."))
        for group in self.same_looking()[:5]:
            listed = ", ".join(f"{label!r} ({n:,})" for label, n in group)
            out.append(Problem("label_variants", "confirm", f"These {len(group)} labels look the same: {listed}.", "Choose 'Merge labels that look the same', or leave them apart."))
        return out

    def same_looking(self) -> list[list[tuple[str, int]]]:
        """Groups of labels that differ only by white space, case or invisible characters, with their rows."""
        if len(self.labels) > 2000 or self.task()["kind"] != "classification":
            return []
        groups: dict[str, list[tuple[str, int]]] = {}
        for label, n in self.labels.most_common():
            groups.setdefault(look_alike(label), []).append((label, n))
        return [g for g in groups.values() if len(g) > 1]

    def _repeats(self) -> list[Problem]:
        out = []
        if self.duplicates:
            listed = ", ".join(str(line) for line, _ in self.duplicate_lines[:5])
            all_of = self.duplicates >= self.rows - self.duplicates
            out.append(Problem("duplicates", "confirm" if all_of else "note", f"{count(self.duplicates, 'row is an exact copy', 'rows are exact copies')} of an earlier one (line {listed}{' ...' if self.duplicates > 5 else ''}); kept, on one side of the split.", count=self.duplicates))
        if self.conflicts:
            listed = "; ".join(list(self.conflicts.values())[:3])
            out.append(Problem("conflicts", "confirm" if self.task()["kind"] == "classification" else "note", f"{count(len(self.conflicts), 'text stands', 'texts stand')} under different answers: {listed}.", "Decide for one answer, if the task has one.", count=len(self.conflicts)))
        if self.near_duplicates:
            out.append(Problem("near_duplicates", "note", f"{count(self.near_duplicates, 'near-duplicate')}: pairs of texts that differ only by case or white space; the split keeps them on one side.", count=self.near_duplicates))
        if self.unwatched:
            out.append(Problem("unwatched", "note", f"Copies and conflicts were looked for among the first {PROMPTS_KEPT:,} different rows; {self.unwatched:,} rows come after them."))
        if 0 < self.rows < 2:
            out.append(Problem("too_few", "confirm", "1 row is too few to split into training and held-out rows.", "Add rows: a hundred labelled ones is a sensible least."))
        return out

    def _contents(self) -> list[Problem]:
        out = []
        if self.control_count:
            out.append(Problem("control_tokens", "confirm", f"{count(self.control_count, 'row contains', 'rows contain')} control tokens of chat templates (line {', '.join(map(str, self.control[:5]))}). They are trained as plain text, never as control tokens.", count=self.control_count))
        if self.secrets:
            listed = ", ".join(f"{name} in {count(n, 'row')}" for name, n in self.secrets.most_common())
            out.append(Problem("personal_data", "confirm", f"Looks like personal data or secrets: {listed} (values not shown).", "Remove them unless they are meant to be learnt.", count=sum(self.secrets.values())))
        if self.long_rows:
            out.append(Problem("very_long", "confirm", f"{self.long_rows:,} of {count(self.rows, 'row')} {'has' if self.long_rows == 1 else 'have'} more than {LONG_CHARS:,} characters: likely longer than the context of a small model. Such rows would train on nothing; a run leaves them out, or cuts the prompt, and says how many.", "Check the lengths against the chosen models.", count=self.long_rows))
        if n := self.remarks.get("weight 0"):
            out.append(Problem("weight_zero", "confirm", f"{count(n, 'answer has', 'answers have')} weight 0: imported as unlabelled, the answer is not trained.", count=n))
        if n := self.remarks.get("parts"):
            out.append(Problem("parts", "note", f"{count(n, 'row has', 'rows have')} content in parts; they were joined with line breaks.", count=n))
        return out

    def label_offer(self) -> dict[str, object] | None:
        """Example of labels as words when all of them look like identifiers: {examples: [[from, to]], labels}."""
        names = sorted(self.raw_labels)
        if self.task()["kind"] != "classification" or not any("_" in n for n in names) or any(" " in n.strip() for n in names):
            return None
        return {"examples": [[n, in_words(n)] for n in names if in_words(n) != n][:3], "labels": len(names)}


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()][::-1]
    return len(digits) >= 13 and len(set(digits)) > 1 and sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10 == 0
