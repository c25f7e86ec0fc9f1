"""Who may teach a stage, and how several teachers become one, described for forms and help pages. Light: no torch."""

from __future__ import annotations

from typing import ClassVar

from ..parts import Described, Paper

ENSEMBLE = Paper(
    title="Distilling the Knowledge in a Neural Network", authors="Hinton, Vinyals, Dean", year=2015, venue="arXiv",
    url="https://arxiv.org/abs/1503.02531", arxiv="1503.02531",
)  # fmt: skip
EXPERTS = Paper(
    title="DExperts: Decoding-Time Controlled Text Generation with Experts and Anti-Experts",
    authors="Liu, Sap, Lu, Swayamdipta, Bhagavatula, Smith, Choi", year=2021, venue="ACL",
    url="https://arxiv.org/abs/2105.03023", arxiv="2105.03023",
)  # fmt: skip
MEAN_TEACHER = Paper(
    title="Mean teachers are better role models: Weight-averaged consistency targets improve semi-supervised deep learning results",
    authors="Tarvainen, Valpola", year=2017, venue="NeurIPS", url="https://arxiv.org/abs/1703.01780", arxiv="1703.01780",
)  # fmt: skip


class TeacherPart(Described):
    kind: ClassVar[str] = "teacher"


class ModelTeacher(TeacherPart):
    id = "model"
    title = "A model of the recipe"
    summary = "The main teacher or a further one, beside the student or by signals recorded once. One that learnt in an earlier stage teaches as it has become."
    when_to_use = "The default."
    formula = r"p_T = \mathrm{softmax}(z^{\mathcal{T}} / T)"


class BaseOfLearner(TeacherPart):
    id = "base"
    title = "The learner with its adapter off"
    summary = "The untouched base, without a second copy in memory."
    when_to_use = "As the reference of preference terms, or to keep what the base could do."
    formula = r"p = q_{\theta_0}"


class EmaOfLearner(TeacherPart):
    id = "ema"
    title = "A moving average of the learner"
    summary = "The mean of the adapter over the last steps, each step counting a little less than the one after it."
    when_to_use = "For self-distillation on the student's own answers or with privileged text: the average moves slower than the student."
    formula = r"m \leftarrow d\,m + (1-d)\,\theta,\quad p = q_m"
    paper = MEAN_TEACHER


class AdapterOfStage(TeacherPart):
    id = "adapter"
    title = "The adapter of an earlier stage"
    summary = "The learner's base with the adapter that an earlier stage ended with."
    when_to_use = "As the reference after fine-tuning, or to put several adapters together by their logits."
    formula = r"p = q_{\theta_k}"


class MeanOfTeachers(TeacherPart):
    id = "mean"
    title = "Mean of probabilities"
    summary = "Soft targets averaged by weight. The forward KL to it has the gradient of the weighted forward KLs."
    when_to_use = (
        "Several teachers of one vocabulary, each good at something: the student covers what any of them likes."
    )
    formula = r"p_T = \sum_k w_k\, p^{(k)}_T"
    paper = ENSEMBLE


class GeometricMeanOfTeachers(TeacherPart):
    id = "geometric"
    title = "Mean of log-probabilities"
    summary = "The normalised geometric mean. The reverse KL to it has the gradient of the weighted reverse KLs."
    when_to_use = "When the student shall only say what all teachers like."
    formula = r"p_T \propto \prod_k \bigl(p^{(k)}_T\bigr)^{w_k}"


class ComposedTeachers(TeacherPart):
    id = "compose"
    title = "Sum of logits"
    summary = "Logits added with coefficients of either sign: towards one model and away from another."
    when_to_use = (
        "There is a model of what is wanted and one of what is not, such as adapters trained on preferences both ways."
    )
    formula = r"z^* = \sum_k a_k z^{(k)}"
    paper = EXPERTS


class ForgettingTeachers(TeacherPart):
    id = "forget"
    title = "The base, lowered where another rose"
    summary = "What a model would say that never learnt what the second member knows: its logits are lowered where the second ones are higher."
    when_to_use = "To make a student forget a text: the second member is an adapter that learnt the text better."
    formula = r"z^* = z^{(1)} - a\, \mathrm{relu}(z^{(2)} - z^{(1)})"
    paper = Paper(
        title="Who's Harry Potter? Approximate Unlearning in LLMs", authors="Eldan, Russinovich", year=2023, venue="arXiv",
        url="https://arxiv.org/abs/2310.02238", arxiv="2310.02238",
    )  # fmt: skip


class RoutedTeachers(TeacherPart):
    id = "route"
    title = "One teacher for each domain"
    summary = "Each row is read by the teacher of its domain alone."
    when_to_use = "The data name a domain for each row and there are specialists for them."
    formula = r"p(\cdot \mid x) = p^{(k(x))}(\cdot \mid x)"


class DroppedTeachers(TeacherPart):
    id = "drop"
    title = "A random teacher at each step"
    summary = "One teacher a step, drawn by weight; a resumed run draws the same."
    when_to_use = "Many teachers, of which only one may run at a time: on average it is their mean."
    formula = r"k_t \sim w,\quad p_t = p^{(k_t)}"
