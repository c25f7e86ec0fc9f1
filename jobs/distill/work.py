"""What the stages of one run build up: the models that learn, the teachers that are open, answers, finished adapters."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from .answers import Said, Speaker
from .arm import Arm, Outcome
from .errors import PlanRefused
from .recipe import Record, Train, Use
from .rows import Row, tokenise
from .session import Opened, Session
from .students.lora import attach, trainable, training_mode
from .students.pruned import pruned
from .train import train
from .watching import watched_rows

if TYPE_CHECKING:
    from .evaluate import Judged
    from .labelling.labeller import Labeller
    from .rewards.model import RewardModel


@dataclass
class Learner:
    """A model of the run with an adapter of its own: the student, an assistant, a teacher that is corrected first."""

    name: str
    opened: Opened
    model: Any  # the base with the adapter
    start: dict[str, torch.Tensor]  # the adapter before training
    trained: bool = False

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Takes over an adapter; a merged one may be wider than the recipe's rank, and the layers follow it."""
        with torch.no_grad():
            for name, parameter in trainable(self.model).items():
                if parameter.shape != tensors[name].shape:
                    path, _, leaf = name.rpartition(".")
                    parameter = torch.nn.Parameter(parameter.new_empty(tensors[name].shape))
                    setattr(self.model.get_submodule(path), leaf, parameter)
                parameter.copy_(tensors[name])

    def adapter(self) -> dict[str, torch.Tensor]:
        """A copy of the adapter as it is now."""
        return {n: p.detach().clone() for n, p in trainable(self.model).items()}


@dataclass
class Work:
    """The state of a run between its stages."""

    session: Session
    learners: dict[str, Learner] = field(default_factory=dict)
    teachers: dict[str, Opened] = field(default_factory=dict)
    parked: dict[str, dict[str, torch.Tensor]] = field(
        default_factory=dict
    )  # adapters of learners that left the memory
    written: dict[str, str] = field(default_factory=dict)  # row id -> the teacher's answer
    chosen: dict[str, float] | None = None  # row id -> weight, after a selection; None: every row
    domains: dict[str, str] = field(default_factory=dict)  # row id -> its branch, where a selection cut the rows
    record: Record | None = None
    trained: list[tuple[Train, int]] = field(default_factory=list)  # the student's stages and their steps
    ended: dict[str, str] = field(default_factory=dict)  # stage name -> name of its stored result
    teacher_said: dict[str, Said] = field(default_factory=dict)  # on held-out rows
    teacher_watched: dict[str, Said] = field(default_factory=dict)  # on the slice looked at during training
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)  # teacher -> what its recorded signals hold
    unsure: dict[str, dict[str, float]] = field(default_factory=dict)  # row id -> how unsure the main teacher was of it
    judged: dict[str, Judged] = field(default_factory=dict)  # teachers beside the main one, on held-out rows
    metric: str = "exact_match"  # of the report, and of the watched slice
    labelling: Labeller | None = None  # of a student that names instead of writing
    pool: list[Row] | None = None  # the training rows after stages that make rows; None: those of the data
    stage_facts: dict[str, dict[str, Any]] = field(default_factory=dict)  # stage name -> rows made, left out, why
    preferred: list[Row] = field(default_factory=list)  # pairs and rankings that stages made, oldest first
    rewards: dict[str, tuple[str, RewardModel]] = field(default_factory=dict)  # stage name -> whose weights, the model
    made: dict[str, list[Row]] = field(default_factory=dict)  # stage name -> the rows it wrote
    use: Use | None = None  # how the student answers when it is scored; None: by its adapter alone
    together: dict[str, Any] = field(default_factory=dict)  # what that way and its single paths scored
    rounds: list[dict[str, Any]] = field(default_factory=list)  # of loops: scores and rows of each round

    # -- rows -----------------------------------------------------------------------------------------------------

    @cached_property
    def watched(self) -> list[Row]:
        """The slice that is looked at during training, which no stage trains on."""
        stages = [s for _, s in self.session.recipe.flat() if isinstance(s, Train)]
        return watched_rows(self.session.train_rows, [s.watch for s in stages])

    @cached_property
    def data_rows(self) -> list[Row]:
        """The training rows of the data; the control learns from those with an answer."""
        apart = {r.row_id for r in self.watched}
        return [r for r in self.session.train_rows if r.row_id not in apart]

    @property
    def train_rows(self) -> list[Row]:
        """The rows that stages learn from: the data's, or what stages before made of them."""
        return self.data_rows if self.pool is None else self.pool

    # -- who learns -----------------------------------------------------------------------------------------------

    def learner(self, name: str = "student") -> Learner:
        """The model called `name` with its adapter, made when first asked for."""
        if name not in self.learners:
            opened = self.teachers.get(name) or self.session.open(name)
            if name != "student":
                self.teachers[name] = opened
            if name == "student" and self.labelling is not None:
                model = self.labelling.wrapped(opened, self)
            else:
                model = attach(
                    opened.model,
                    self.session.recipe.student.adapter,
                    self.session.recipe.seed,
                    self.session.events,
                    lambda: self.first_rows(opened),
                    whole=opened.whole,
                )
            if name == "student" and opened.sharing is not None:
                opened.sharing.share(name, model)
            start = {n: p.detach().clone() for n, p in trainable(model).items()}
            self.learners[name] = Learner(name, opened, model, start)
            if name in self.parked:
                model.eval()
                self.learners[name].load(self.parked.pop(name))
                self.learners[name].trained = True
        return self.learners[name]

    def learnt(self, name: str) -> bool:
        """Whether a stage has trained the model of this name."""
        return name in self.parked or (name in self.learners and self.learners[name].trained)

    def first_rows(self, opened: Opened) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Labelled training rows as (token ids, labels) for first values of an adapter that look at rows."""
        rows = [r for r in self.train_rows if r.labelled][: self.session.recipe.student.adapter.start_rows]
        examples = tokenise(rows, opened.renderer, opened.context, "drop").examples
        if not examples:
            raise PlanRefused(
                "These first values of the adapter are read from labelled rows, and there are none.",
                field="student.adapter.start",
                hint="Choose default, pissa or olora, or give some rows an answer.",
            )
        ids = [torch.tensor(e.ids) for e in examples]
        asked = [torch.arange(len(e.ids)) >= e.start for e in examples]
        return [(i, torch.where(a, i, -100)) for i, a in zip(ids, asked, strict=True)]

    def longest(self, learner: str = "student") -> int:
        """Tokens of the longest row that who learns, and every teacher in memory, can read."""
        data, reader = self.session.recipe.data, self.learner(learner).opened
        contexts = [reader.context, *(t.context for t in self.teachers.values())]
        return min([*contexts, data.max_length or contexts[0]])

    @property
    def student(self) -> Opened:
        return self.learner().opened

    @property
    def model(self) -> Any:
        """The student's base with the adapter."""
        return self.learner().model

    @property
    def start(self) -> dict[str, torch.Tensor]:
        return self.learner().start

    def load_adapter(self, tensors: dict[str, torch.Tensor]) -> None:
        self.learner().load(tensors)

    # -- who teaches ----------------------------------------------------------------------------------------------

    @property
    def teacher(self) -> Opened | None:
        """The recipe's main teacher while it is in memory."""
        return self.teachers.get("teacher")

    def open_teacher(self, name: str = "teacher") -> Opened:
        """The teacher in memory; loaded when first asked for. One that learnt in an earlier stage speaks with its adapter."""
        if name in self.learners or name in self.parked:
            return self.learner(name).opened
        if name not in self.teachers:
            self.teachers[name] = self.session.open(name)
        return self.teachers[name]

    def drop_teacher(self, learner: str = "student") -> None:
        """Frees every teacher but who learns; of those that learnt only the adapter stays, until they are asked again."""
        for name in [n for n in self.learners if n not in ("student", learner)]:
            left = self.learners.pop(name)
            if left.trained:
                self.parked[name] = {n: t.cpu() for n, t in left.adapter().items()}
        if self.session.sharing is not None:
            for name in [n for n in self.teachers if n not in self.learners]:
                self.session.sharing.drop(name)
        self.teachers = {n: t for n, t in self.teachers.items() if n in self.learners}
        self.session.release()

    def teacher_sha256(self, name: str = "teacher") -> str:
        """What names the teacher's weights: its manifest, and its adapter where it learnt one."""
        manifest = self.session.weights_of(name)
        if not self.learnt(name):
            return manifest
        tensors = self.parked[name] if name in self.parked else self.learners[name].adapter()
        adapter = save_tensors({n: t.cpu().contiguous() for n, t in tensors.items()})
        return hashlib.sha256(manifest.encode() + hashlib.sha256(adapter).digest()).hexdigest()

    def teacher_speaker(self, name: str = "teacher") -> Speaker:
        opened = self.open_teacher(name)
        return Speaker(
            lambda: opened.model, opened.renderer, opened.context, self.teacher_sha256(name), "", str(opened.dtype)
        )

    def student_speaker(self, adapter_sha256: str = "", learner: str = "student") -> Speaker:
        who = self.learner(learner)
        return Speaker(
            lambda: who.model,
            who.opened.renderer,
            who.opened.context,
            self.session.weights_of(learner),
            adapter_sha256,
            str(who.opened.dtype),
        )

    # -- finished trainings ---------------------------------------------------------------------------------------

    def adapter_of(self, stage: str) -> dict[str, torch.Tensor]:
        """The adapter that an earlier stage of this name ended with; raises PlanRefused naming those there are."""
        found = self.session.results.get(self.ended[stage]) if stage in self.ended else None
        if found is None:
            raise PlanRefused(
                f"No earlier stage called {stage!r} has an adapter; there are: {', '.join(self.ended) or 'none'}.",
                field="stages",
                hint="Name a training or merging stage that comes before.",
            )
        return load_tensors((found / "adapter.safetensors").read_bytes())

    def take_stored(self, name: str, learner: Learner) -> bool:
        """Loads an arm's stored result if there is one."""
        found = self.session.results.get(name)
        if found is None:
            return False
        learner.load(load_tensors((found / "adapter.safetensors").read_bytes()))
        self.session.events.log(f"'{name}' was finished in an earlier attempt.")
        return True

    def run(self, name: str, arm: Arm, learner: Learner) -> None:
        """Trains and stores the result, so that a resumed run goes on after it."""
        session = self.session
        if session.apart is not None and session.apart.teaches:
            session.apart.teach()
            return
        training_mode(learner.model)
        checkpoints = session.checkpoints(name)
        with (
            session.timed(arm.phase),
            pruned(learner.model, session.recipe.student.adapter.pruned),
            nullcontext() if session.apart is None else session.apart.learning() as shape,
        ):
            arm.teacher_shape = shape or arm.teacher_shape
            outcome = train(learner.model, arm, checkpoints, session.events)
        learner.model.eval()
        session.results.put(name, adapter_files(learner.model, outcome))
        checkpoints.clear()


def adapter_files(model: Any, outcome: Outcome | None) -> dict[str, bytes]:
    """What is stored of a finished stage: the adapter, and how its training went where it was one."""
    tensors = {n: p.detach().cpu().contiguous() for n, p in trainable(model).items()}
    note = {} if outcome is None else {"outcome.json": json.dumps(asdict(outcome)).encode()}
    return {"adapter.safetensors": save_tensors(tensors), **note}


def outcome_of(session: Session, name: str) -> dict[str, Any] | None:
    found = session.results.get(name)
    file = found / "outcome.json" if found else None
    return json.loads(file.read_text()) if file and file.exists() else None
