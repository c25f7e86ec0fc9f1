"""MiniLLM: policy gradient of the reverse KL over whole answers, with its three ways to less variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Objective, SequencePart
from ..label_reads import logq_y
from ..reverse_kl import ReverseKL
from .policy_gradient import PolicyOptions

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..sequences import Sequences


class MiniLLMOptions(PolicyOptions):
    length_norm: bool = Field(
        True, title="Normalise by length",
        description="A token's return is the mean, not the sum, of the rewards that follow, so that short answers are not preferred.",
    )  # fmt: skip
    whiten: bool = Field(
        True, title="Whiten", description="Returns of a step get mean 0 and standard deviation 1 before they are used."
    )
    single_step: bool = Field(
        True, title="Exact next token",
        description="The part of the gradient that belongs to the token itself is the reverse KL over the whole vocabulary, exact instead of sampled.",
    )  # fmt: skip


class MiniLLM(SequencePart):
    id = "minillm"
    title = "MiniLLM policy gradient"
    summary = (
        "Reverse KL over whole answers: returns of log p - log q, normalised by length, plus the exact next-token part."
    )
    when_to_use = "A student too small for the teacher's variety, when plain on-policy reverse KL is too noisy."
    formula = r"\ell = -\frac{1}{|y|}\sum_n \rho_n A_n + \mathrm{KL}(q\,\|\,p),\quad A_n = \mathrm{whiten}\Bigl(\frac{1}{|y|-n}\sum_{u > n}\log\frac{p(y_u)}{q_{old}(y_u)}\Bigr)"
    paper = ReverseKL.paper
    reads = ("student.logq_at_label", "teacher.logp_at_label", "student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "rollouts", "old_logq", "old_logp"})
    Options = MiniLLMOptions

    def prepare(
        self, answers: Sequence[Mapping[str, np.ndarray]], options: MiniLLMOptions
    ) -> dict[str, list[np.ndarray]]:
        """Advantages of all the answers of an optimizer step, from `old_logq` and `old_logp` [tokens] of each: whitening needs
        the whole step, or the result would depend on how the step is cut into micro-batches."""
        import numpy as np

        returns = [self.returns(a["old_logp"] - a["old_logq"], options.length_norm) for a in answers]
        if options.single_step:  # the token's own reward is taken exactly: what is left follows it
            returns = [np.append(r[1:], 0.0) for r in returns]
        if options.whiten and sum(map(len, returns)) > 1:
            every = np.concatenate(returns)
            returns = [(r - every.mean()) / (every.std() + 1e-8) for r in returns]
        return {"advantage": [r.astype(np.float32) for r in returns]}

    @staticmethod
    def returns(reward: np.ndarray, length_norm: bool = True) -> np.ndarray:
        """Sum, or mean, of the rewards from each token to the end of the answer, [tokens]."""
        import numpy as np

        total = np.cumsum(reward[::-1].astype(np.float64))[::-1]
        return total / np.arange(len(reward), 0, -1) if length_norm else total

    def reads_of(self, T: float, options: MiniLLMOptions) -> tuple[Objective, ...]:
        return (logq_y(T), Objective(ReverseKL(), temperature=T)) if options.single_step else (logq_y(T),)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: MiniLLMOptions) -> Tensor:
        from . import maths

        ratio = maths.log_ratio(values[0], batch).exp()
        loss = maths.clipped(ratio, batch.features["advantage"].to(ratio.dtype), options.clip)
        if options.single_step:
            loss = loss + values[1] * ratio.detach()
        return maths.per_group(loss, batch, options.average)
