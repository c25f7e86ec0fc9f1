from pathlib import Path

from pydantic import Field

from jobs.distill.objectives.base import Paper, Part, TailOptions

SYSTEM = Path(__file__).with_name("renyi.yaml")


class RenyiOptions(TailOptions):
    order: float = Field(0.5, gt=0, lt=1, title="Order", description="Towards 1 it becomes forward KL.")


class Renyi(Part):
    id = "renyi"
    title = "Rényi divergence"
    summary = "A divergence between 0 and forward KL, bounded where the student gives a token no weight."
    when_to_use = "Forward KL is ruled by a few tokens that the student finds nearly impossible."
    formula = r"\ell = \frac{1}{a-1} \log \sum_v p_T(v)^a\, q_T(v)^{1-a}"
    paper = Paper(
        title="On Measures of Entropy and Information", authors="Rényi", year=1961, venue="Berkeley Symposium"
    )
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = RenyiOptions

    def value(self, view, T, options):
        lp, lq = view.pair(T, options.tail, options.support)
        return (options.order * lp + (1 - options.order) * lq).logsumexp(-1) / (options.order - 1)
