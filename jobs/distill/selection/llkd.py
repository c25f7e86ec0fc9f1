"""Rows whose answer the teacher is sure of and the student is not."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import Chosen, Pool, Selection, top


class NeedOptions(Options):
    thresholds: Literal["mean", "median"] = Field(
        "mean",
        title="Thresholds",
        description="A row counts as sure, or as needed, above the mean or the median of all rows as they stand when the stage begins.",
    )


class TeacherSureStudentNot(Selection):
    id = "llkd"
    title = "Sure teacher, unsure student"
    summary = "Keeps rows whose answer the teacher is confident of and where the student is still uncertain."
    when_to_use = (
        "After the teacher has answered unlabelled rows: its doubtful answers are noise, and what the student knows teaches "
        "nothing. Put one before each of several training stages: the thresholds follow the student."
    )
    formula = r"c_T(x) \ge \bar c_T \;\wedge\; H_S(x) \ge \bar H_S"
    paper = Paper(
        title="Learning with Less: Knowledge Distillation from Large Language Models via Unlabeled Data",
        authors="Li, Nag, Liu and others", year=2024, url="https://arxiv.org/abs/2411.08028", arxiv="2411.08028",
    )  # fmt: skip
    Options = NeedOptions
    needs = frozenset({"teacher", "reference"})

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        """Where the rule leaves more than `keep`, the highest products of both stay."""
        import numpy as np

        teacher, student = pool.read("teacher"), pool.read("reference")
        both = [r for r in teacher if r in student]
        sure = {r: teacher[r].confidence for r in both}
        unsure = {r: student[r].entropy for r in both}
        middle = np.mean if options.thresholds == "mean" else np.median
        least_sure, least_unsure = (float(middle(list(v.values()))) for v in (sure, unsure))
        scores = {r: sure[r] * unsure[r] for r in both}
        passed = {r: scores[r] for r in both if sure[r] >= least_sure and unsure[r] >= least_unsure}
        facts = {"confidence threshold": least_sure, "uncertainty threshold": least_unsure}
        note = f"teacher's confidence at least {least_sure:.4g}, student's entropy at least {least_unsure:.4g} nats"
        return Chosen(top(passed, pool.count(keep)), scores, note, facts)
