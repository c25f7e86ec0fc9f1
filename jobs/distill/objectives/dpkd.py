"""Token form of direct preference distillation: the teacher's best token over the student's, by the DPO margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from .base import Options, Paper, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class PreferTeacherOptions(Options):
    beta: float = Field(
        1.0, gt=0, le=100, title="Beta", description="How sharply the student's margin is compared with the teacher's.",
    )  # fmt: skip
    loss: Literal["sigmoid", "ipo"] = Field(
        "sigmoid", title="Loss",
        description="sigmoid: the logistic loss of DPO. ipo: squared distance of the margin from 1 / (2 beta), which does not push without end.",
    )  # fmt: skip


class PreferTeacher(Part):
    id = "dpkd-token"
    title = "Preference for the teacher's token"
    summary = "At each position the teacher's most likely token is preferred to the student's, with the teacher as the reference."
    when_to_use = "Beside reverse KL, when the student's own favourites should give way to the teacher's."
    formula = (
        r"\ell = -\log\sigma\Bigl(\beta\bigl[\log\tfrac{q(a_T)}{q(a_S)} - \log\tfrac{p(a_T)}{p(a_S)}\bigr]\Bigr),"
        r"\quad a_T = \mathrm{argmax}\, p,\ a_S = \mathrm{argmax}\, q"
    )
    paper = Paper(
        title="Direct Preference Knowledge Distillation for Large Language Models", authors="Li, Gu, Dong, Wang, Cheng, Wei",
        year=2024, venue="arXiv", url="https://arxiv.org/abs/2406.19774", arxiv="2406.19774",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "live_teacher"})
    Options = PreferTeacherOptions

    def value(self, view: View, T: float, options: PreferTeacherOptions) -> Tensor:
        import torch
        from torch.nn.functional import logsigmoid

        view.live(self.title)
        ids = torch.stack([view.best_of_teacher(), view.best()], -1)  # [n, 2]
        lq, lp = view.logq_at(ids, T), view.logp_at(ids, T)
        margin = (lq[:, 0] - lq[:, 1]) - (lp[:, 0] - lp[:, 1])
        if options.loss == "ipo":
            return (margin - 1 / (2 * options.beta)) ** 2
        return -logsigmoid(options.beta * margin)
