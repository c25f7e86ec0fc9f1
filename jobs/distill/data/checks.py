"""What a person should know before these rows are trained on, told in counts and examples."""

from __future__ import annotations

from .counting import LONG_CHARS, Counting
from .findings import Problem
from .limits import count
from .rows import in_words
from .split import look_alike


class Checks(Counting):
    """The problems that follow from the counts."""

    def problems(self, answer_column: bool) -> list[Problem]:
        """Dataset-level problems, most serious first."""
        out = [
            *self._no_answers(answer_column),
            *self._mixed(),
            *self._pairs(),
            *self._overlap(),
            *self._labels(),
            *self._repeats(),
            *self._contents(),
        ]
        rank = {"refuse": 0, "choose": 1, "confirm": 2, "note": 3}
        return sorted(out, key=lambda p: rank[p.severity])

    def _no_answers(self, answer_column: bool) -> list[Problem]:
        if self.labelled or not self.rows:
            return []
        what = "Every answer is empty" if answer_column else "There is no column of answers"
        return [
            Problem(
                "no_answers",
                "choose",
                f"{what}: {count(self.rows, 'row')} without an answer. The control arm and the score need labelled rows.",
                "Choose the column of answers, or add a file with labels.",
                "Import the rows as prompts for a teacher to answer",
            )
        ]

    def _mixed(self) -> list[Problem]:
        kinds = {k: v for k, v in self.kinds.items() if k != "null"}
        if len(kinds) < 2:
            if list(kinds) in (["a number"], ["true or false"]):
                return [
                    Problem(
                        "numbers",
                        "note",
                        f"The answers are {'numbers' if list(kinds) == ['a number'] else 'true or false'}; they were taken as text, as written.",
                    )
                ]
            return []
        listed = "; ".join(f"{k} (line {', '.join(map(str, v[:3]))})" for k, v in kinds.items())
        return [
            Problem(
                "mixed_types",
                "choose",
                f'The answers are of {len(kinds)} types: {listed}. 1 and "1" would become the same label.',
                "Write all answers as text.",
                "Take all of them as text",
                count=len(kinds),
            )
        ]

    def _pairs(self) -> list[Problem]:
        out = []
        if self.contradictions:
            listed = ", ".join(f"line {a} against line {b}" for a, b in self.contradictions[:5])
            out.append(
                Problem(
                    "contradiction",
                    "choose",
                    f"{count(len(self.contradictions), 'pair contradicts', 'pairs contradict')} another on which answer is better: {listed}.",
                    "Remove one of each.",
                    "Import them all the same",
                    count=len(self.contradictions),
                )
            )
        if len(self._seen_pairs):
            out.append(
                Problem(
                    "preference",
                    "confirm",
                    "Preference pairs: the chosen answer is imported as the answer; rejected answers are kept beside it for methods that learn from pairs.",
                )
            )
        return out

    def _overlap(self) -> list[Problem]:
        if not self.splits.get("heldout"):
            return (
                [
                    Problem(
                        "no_heldout",
                        "confirm",
                        "The split column has no held-out rows: nothing could be scored.",
                        "Leave the split out to have rows held out by hash.",
                    )
                ]
                if self.splits.get("train")
                else []
            )
        out = []
        if both := self.overlap:
            out.append(
                Problem(
                    "overlap",
                    "confirm",
                    f"{both:,} of {self.splits['heldout']:,} held-out (test) rows also occur in train: the score would flatter.",
                    "Remove them from one side.",
                    count=both,
                )
            )
        new = {label: n for label, n in self.held.items() if label not in self.trained}
        if new and self.task()["kind"] == "classification":
            shown = ", ".join(repr(label) for label in list(new)[:5])
            out.append(
                Problem(
                    "untrained_label",
                    "confirm",
                    f"{count(len(new), 'label occurs', 'labels occur')} only in held-out (test) rows and {'is' if len(new) == 1 else 'are'} never trained: {shown}.",
                    count=len(new),
                )
            )
        return out

    def _labels(self) -> list[Problem]:
        out = []
        if self.labelled and len(self.labels) == 1 and not self.too_many_labels and self.labelled > 1:
            out.append(
                Problem(
                    "one_label",
                    "confirm",
                    f"Only one label, {next(iter(self.labels))!r}: nothing to learn, any model would score 100 %.",
                    "Check that the right column is the answer.",
                )
            )
        if not self.too_many_labels and len(self.raw_labels) > len(self.labels):
            out.append(
                Problem(
                    "labels_joined",
                    "confirm",
                    f"{len(self.raw_labels):,} labels of the file became {len(self.labels):,}: some differ only in what was changed.",
                    "Import the labels as they are written, if they mean different things.",
                )
            )
        for group in self.same_looking()[:5]:
            listed = ", ".join(f"{label!r} ({n:,})" for label, n in group)
            out.append(
                Problem(
                    "label_variants",
                    "confirm",
                    f"These {len(group)} labels look the same: {listed}.",
                    "Choose 'Merge labels that look the same', or leave them apart.",
                )
            )
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
            out.append(
                Problem(
                    "duplicates",
                    "confirm" if all_of else "note",
                    f"{count(self.duplicates, 'row is an exact copy', 'rows are exact copies')} of an earlier one (line {listed}{' ...' if self.duplicates > 5 else ''}); kept, on one side of the split.",
                    count=self.duplicates,
                )
            )
        if self.conflicts:
            listed = "; ".join(self.conflicts[:3])
            out.append(
                Problem(
                    "conflicts",
                    "confirm" if self.task()["kind"] == "classification" else "note",
                    f"{count(self.conflict_count, 'text stands', 'texts stand')} under different answers: {listed}.",
                    "Decide for one answer, if the task has one.",
                    count=self.conflict_count,
                )
            )
        if self.near_duplicates:
            out.append(
                Problem(
                    "near_duplicates",
                    "note",
                    f"{count(self.near_duplicates, 'near-duplicate')}: pairs of texts that differ only by case or white space; the split keeps them on one side.",
                    count=self.near_duplicates,
                )
            )
        if 0 < self.rows < 2:
            out.append(
                Problem(
                    "too_few",
                    "confirm",
                    "1 row is too few to split into training and held-out rows.",
                    "Add rows: a hundred labelled ones is a sensible least.",
                )
            )
        return out

    def _contents(self) -> list[Problem]:
        out = []
        if self.control_count:
            out.append(
                Problem(
                    "control_tokens",
                    "confirm",
                    f"{count(self.control_count, 'row contains', 'rows contain')} control tokens of chat templates (line {', '.join(map(str, self.control[:5]))}). They are trained as plain text, never as control tokens.",
                    count=self.control_count,
                )
            )
        if self.secrets:
            listed = ", ".join(f"{name} in {count(n, 'row')}" for name, n in self.secrets.most_common())
            out.append(
                Problem(
                    "personal_data",
                    "confirm",
                    f"Looks like personal data or secrets: {listed} (values not shown).",
                    "Remove them unless they are meant to be learnt.",
                    count=sum(self.secrets.values()),
                )
            )
        if self.long_rows:
            out.append(
                Problem(
                    "very_long",
                    "confirm",
                    f"{self.long_rows:,} of {count(self.rows, 'row')} {'has' if self.long_rows == 1 else 'have'} more than {LONG_CHARS:,} characters: likely longer than the context of a small model. Such rows would train on nothing; a run leaves them out, or cuts the prompt, and says how many.",
                    "Check the lengths against the chosen models.",
                    count=self.long_rows,
                )
            )
        if n := self.remarks.get("weight 0"):
            out.append(
                Problem(
                    "weight_zero",
                    "confirm",
                    f"{count(n, 'answer has', 'answers have')} weight 0: imported as unlabelled, the answer is not trained.",
                    count=n,
                )
            )
        if n := self.remarks.get("parts"):
            out.append(
                Problem(
                    "parts",
                    "note",
                    f"{count(n, 'row has', 'rows have')} content in parts; they were joined with line breaks.",
                    count=n,
                )
            )
        return out

    def label_offer(self) -> dict[str, object] | None:
        """Example of labels as words when all of them look like identifiers: {examples: [[from, to]], labels}."""
        names = sorted(self.raw_labels)
        if (
            self.task()["kind"] != "classification"
            or not any("_" in n for n in names)
            or any(" " in n.strip() for n in names)
        ):
            return None
        return {"examples": [[n, in_words(n)] for n in names if in_words(n) != n][:3], "labels": len(names)}
