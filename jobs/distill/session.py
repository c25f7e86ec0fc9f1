"""What every part of a run shares: its folder, recipe, rows, models, device, events and the wish to stop."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from . import recipe as recipes
from .asking.ledger import Ledger, places
from .checkpoint import Checkpoints, Results
from .device import settle
from .errors import DatasetChanged, ModelChanged, PlanRefused
from .events import Events
from .models.config import eos_ids, kind_of, read_config
from .models.folder import manifest_sha256
from .models.positions import window
from .precision import choose
from .ranks import here
from .recipe import Context, ModelRef, Recipe
from .recipe.endpoint import Endpoint
from .rows import Renderer, Row, read_rows, rows_sha256, stratified
from .weights import ModelSource, load_model, load_tokenizer

if TYPE_CHECKING:
    from .sharding import Sharing
    from .teachers.away import Apart


@dataclass
class Opened:
    """A model that can be talked to. Its weights are loaded when they are first needed: answers at hand need none."""

    folder: Path
    dtype: torch.dtype
    device: torch.device
    renderer: Renderer
    vocab: int  # ids its tokenizer knows
    context: int

    who: str
    sha256: str  # manifest hash that was promised
    quantise: str = "none"
    stretch: Context | None = None  # of its positions; `context` is the window that comes of it
    sharing: Sharing | None = None  # where its weights are shared out over the ranks

    @cached_property
    def model(self) -> Any:
        """The weights; raises ModelChanged when the files are no longer those that were checked. A student that is to be
        shared out is whole and not on the device yet: it gets its adapter first."""
        if self.sharing is not None and self.who in self.sharing.held:
            return self.sharing.held[self.who].model
        self.check()
        if self.sharing is None:
            return load_model(self.folder, self.dtype, self.device, self.quantise, self.stretch)
        loaded = load_model(self.folder, self.dtype, torch.device("cpu"), self.quantise, self.stretch)
        return loaded if self.who == "student" else self.sharing.share(self.who, loaded).model

    def put_down(self) -> None:
        """Lets the weights go; tokenizer and sizes stay."""
        self.__dict__.pop("model", None)

    def whole(self) -> dict[str, torch.nn.Module]:
        """Modules by name with the weights as the files have them, in the machine's memory, for as long as the caller holds them."""
        return dict(load_model(self.folder, self.dtype, torch.device("cpu")).named_modules())

    def check(self) -> None:
        """Raises ModelChanged when the files are no longer those that were promised."""
        if self.sha256 and (found := manifest_sha256(self.folder)) != self.sha256:
            raise ModelChanged(
                f"The {self.who}'s files changed: {self.sha256[:12]}… was promised, {found[:12]}… lies there.",
                field=f"{self.who}.model",
                hint="Add the model again and start a new run.",
            )


@dataclass
class Session:
    """One run in one folder. `earlier` are the folders of previous attempts, newest first."""

    folder: Path
    recipe: Recipe  # expanded: stages spelled out
    asked: Recipe  # as it was given
    sources: dict[str, ModelSource]
    events: Events
    earlier: list[Path] = field(default_factory=list)
    signals: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    stopping: bool = False
    endpoints: dict[str, Endpoint] = field(default_factory=dict)  # teachers that are asked over HTTP, by name
    unshaped: dict[str, ModelSource] = field(default_factory=dict)  # what a student was made of, where it has a shape
    sharing: Sharing | None = None  # of weights, where a model is sharded over the ranks
    apart: Apart | None = None  # where a teacher has a rank of its own
    dtypes: dict[str, torch.dtype] = field(default_factory=dict)  # of the models that were opened
    windows: dict[str, int] = field(default_factory=dict)  # tokens of the longest row each of them reads

    def __post_init__(self) -> None:
        self.device = settle(
            self.events, max((read_config(s.folder).hidden for s in self.sources.values()), default=None)
        )
        self.results = Results(self.folder, self.identity, self.earlier, self.events)
        self._place()

    def _place(self) -> None:
        """Where models lie when there are several ranks; every rank calls this at the same place."""
        ranks = here()
        wanted = {who: ref.placement for who in self.sources if (ref := self.recipe.model(who)) is not None}
        sharded, own = ([who for who, place in wanted.items() if place == kind] for kind in ("sharded", "own"))
        if ranks.size == 1:
            for who in (*sharded, *own):
                self.events.reason(f"{who}.placement", "each", f"{wanted[who]} needs more than one rank")
            return
        if len(own) > 1 or own and sharded:
            raise PlanRefused(
                f"Only one teacher can have a GPU of its own, with nothing else shared out; asked for are {', '.join((*own, *sharded))}.",
                field=f"{own[-1]}.placement",
                hint="Set the placement of the others to each.",
            )
        if sharded:
            from .sharding import Sharing

            self.sharing = Sharing(
                ranks, sorted(self.sources), self.device, lambda who: self.open(who).model, self.events
            )
        elif own:
            from .teachers.away import set_apart

            self.apart = set_apart(own[0], ranks)
            self.events.reason(f"{own[0]}.placement", "own", f"rank {ranks.size} of {ranks.size} holds it")

    def sharded(self, who: str) -> bool:
        """Whether the model's weights are shared out over the ranks."""
        reference = self.recipe.model(who)
        return self.sharing is not None and reference is not None and reference.placement == "sharded"

    # -- rows -----------------------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[Row]:
        return read_rows(self.folder / "data" / "rows.parquet", self.recipe.data.heldout)

    @cached_property
    def rows_hash(self) -> str:
        return rows_sha256(self.rows)

    @cached_property
    def train_rows(self) -> list[Row]:
        return stratified([r for r in self.rows if r.split != "heldout"], self.recipe.data.limit, self.recipe.seed)

    @cached_property
    def heldout_rows(self) -> list[Row]:
        """The frozen split: labelled held-out rows. The sample does not depend on the seed, so that runs compare."""
        return stratified([r for r in self.rows if r.split == "heldout" and r.labelled], self.recipe.evaluation.limit)

    def check_rows(self, pinned: bool = True) -> None:
        """Raises DatasetChanged when the rows differ from what the recipe pinned, PlanRefused when a side is empty."""
        wanted = self.recipe.data.sha256 if pinned else None
        found = {self.rows_hash, hashlib.sha256((self.folder / "data" / "rows.parquet").read_bytes()).hexdigest()}
        if wanted and wanted not in found:
            raise DatasetChanged(
                f"The data changed: the recipe pins {wanted[:12]}…, the rows here are {self.rows_hash[:12]}….",
                field="data.sha256",
                hint="Start a new run with the present data.",
            )
        if not self.heldout_rows:
            raise PlanRefused(
                "There are no labelled held-out rows, so nothing can be scored.",
                field="data.heldout",
                hint="Give some rows an answer and mark them as held-out, or raise the held-out share.",
            )
        if not self.train_rows:
            raise PlanRefused("There are no rows to train on.", field="data", hint="Mark some rows as train.")

    # -- identity: what must be equal for a stored piece of work to be used again -----------------------------------

    @cached_property
    def identity(self) -> str:
        models = {who: s.sha256 for who, s in self.sources.items()}
        frozen = self.recipe.model_dump(mode="json", exclude={"name"})
        for reference in (frozen["teacher"] or {}, *frozen["teachers"]):
            reference.pop("budget", None)  # a cap that was raised changes nothing of what is there
            reference.pop("placement", None)  # nor does the place of the weights
            (reference.get("endpoint") or {}).pop("budget", None)
        frozen["student"].pop("placement", None)
        text = json.dumps([frozen, self.rows_hash, models], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def checkpoints(self, arm: str) -> Checkpoints:
        return Checkpoints(self.folder, arm, self.identity, self.earlier, self.events)

    # -- replies --------------------------------------------------------------------------------------------------

    @cached_property
    def paid(self) -> Ledger:
        """Replies of endpoints, shared with other runs where WB_LEDGER says so."""
        return Ledger([*places(self.folder), *(p / "answers" for p in self.earlier)], self.events.log)

    @cached_property
    def asked_here(self) -> Ledger:
        """Replies of models in memory, whose weights may be this run's alone."""
        return Ledger([p / "asked" for p in (self.folder, *self.earlier)], self.events.log)

    # -- models ---------------------------------------------------------------------------------------------------

    def open(self, who: str) -> Opened:
        """A teacher by its name, or the student's bare base; raises ModelChanged when its files are not those the recipe
        pinned, PlanRefused when the recipe has no such model."""
        if who == "student" and self.recipe.student.shape is not None:
            return self._shaped()
        reference, source = self.recipe.model(who), self.sources.get(who)
        if reference is None or source is None:
            known = ", ".join(n for n in self.sources if n != "student") or "none"
            raise PlanRefused(
                f"This recipe has no model called {who!r}; its teachers are: {known}.",
                field="teacher" if who == "teacher" else "teachers",
                hint="Choose a teacher." if who == "teacher" else f"Add a teacher with id {who}.",
            )
        if reference.sha256 and source.sha256 and reference.sha256 != source.sha256:
            raise ModelChanged(
                f"The {who}'s files changed: the recipe pins {reference.sha256[:12]}…, found {source.sha256[:12]}….",
                field=f"{who}.sha256",
                hint="Start a new run with the present model.",
            )
        return self._opened(who, source, reference)

    def _shaped(self) -> Opened:
        """The student's bare base in its shape, which is made when it is first asked for."""
        from .shapes.student import shaped_student

        if "student" not in self.unshaped:
            made = shaped_student(self)
            self.unshaped["student"] = self.sources["student"]
            self.sources["student"] = made
        return self._opened("student", self.sources["student"], self.recipe.student)

    def weights_of(self, who: str) -> str:
        """Names the weights and positions a model answers with: its manifest hash, and another one where the recipe loads its
        files in another way."""
        manifest, reference = self.sources[who].sha256, self.recipe.model(who)
        ways = loaded_as(reference) if reference else {}
        return hashlib.sha256((manifest + json.dumps(ways, sort_keys=True)).encode()).hexdigest() if ways else manifest

    def _opened(self, who: str, source: ModelSource, reference: ModelRef) -> Opened:
        tokenizer = load_tokenizer(source.folder)
        ends = eos_ids(source.folder, tokenizer.eos_token_id)
        if not ends and kind_of(source.folder) != "encoder":
            raise PlanRefused(
                f"The {who}'s tokenizer has no end-of-text token, so answers would never end.",
                field=f"{who}.model",
                hint="Choose a model with an end-of-text token.",
            )
        shape = read_config(source.folder)
        renderer = Renderer(tokenizer, ends, self.events, shape.kind)
        dtype = choose(reference.dtype, self.device, who, self.events)
        vocab = max(tokenizer.get_vocab().values()) + 1
        stretch = getattr(reference, "context", None)
        self.dtypes[who], self.windows[who] = dtype, window(stretch, shape.context)
        return Opened(
            source.folder,
            dtype,
            self.device,
            renderer,
            vocab,
            self.windows[who],
            who,
            source.sha256,
            reference.quantise,
            stretch,
            self.sharing if self.sharded(who) else None,
        )

    def release(self) -> None:
        """Gives the memory of models that nobody holds any more back."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    # -- time and stopping ----------------------------------------------------------------------------------------

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Adds the wall time of a phase to the report, also when it ends early."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.monotonic() - began, 3)
            self._keep_seconds()

    def _keep_seconds(self) -> None:
        (self.folder / "seconds.json").write_text(json.dumps(self.seconds))

    def listen(self) -> None:
        """SIGTERM asks for a stop at the next safe place; seconds of earlier attempts are taken over."""

        def ask(*_: object) -> None:
            self.stopping = True

        signal.signal(signal.SIGTERM, ask)
        for place in (self.folder, *self.earlier):
            if (kept := place / "seconds.json").exists():
                self.seconds = json.loads(kept.read_text() or "{}")
                return


def loaded_as(reference: ModelRef) -> dict[str, Any]:
    """How a model's files are loaded where that is not as they are: quantise, context."""
    found: dict[str, Any] = {} if reference.quantise == "none" else {"quantise": reference.quantise}
    context: Context | None = getattr(reference, "context", None)
    return found | ({"context": context.model_dump(mode="json")} if context is not None and context.changes else {})


def earlier_folders() -> list[Path]:
    """Previous attempts' folders from WB_RESUME_FROM, newest first."""
    return [Path(p) for p in os.environ.get("WB_RESUME_FROM", "").split(os.pathsep) if p and Path(p).is_dir()]


def open_session(folder: Path, events: Events, signals: list[Path] | None = None) -> Session:
    """The session of a run folder that holds recipe.yaml, models.json and data/rows.parquet."""
    asked = recipes.load(folder / "recipe.yaml")
    plan = folder / "plan.json"
    expanded = recipes.parse(json.loads(plan.read_text(encoding="utf-8"))["recipe"]) if plan.exists() else expand(asked)
    listed = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    sources = {who: _source(entry) for who, entry in listed.items() if entry and "endpoint" not in entry}
    asked_over_http = {who: e["endpoint"] for who, e in listed.items() if e and "endpoint" in e}
    endpoints = {who: Endpoint.model_validate(entry) for who, entry in asked_over_http.items()}
    places = [
        *(signals or []),
        folder / "signals",
        *(Path(p) for p in os.environ.get("WB_SIGNALS", "").split(os.pathsep) if p),
    ]
    earlier = earlier_folders()
    places += [*(p / "signals" for p in earlier), *_sample_signals(sources)]
    signals_at = [p for p in places if p.is_dir()]
    return Session(folder, expanded, asked, sources, events, earlier, signals_at, endpoints=endpoints)


def expand(recipe: Recipe) -> Recipe:
    """The large form; a recipe whose stages are spelled out is its own."""
    if recipe.stages:
        return recipe
    from .catalog import expand as expand_system

    return expand_system(recipe)


def _source(entry: dict[str, Any]) -> ModelSource:
    folder = Path(entry["folder"])
    return ModelSource(folder, entry["key"], entry.get("revision"), entry.get("sha256") or manifest_sha256(folder))


def _sample_signals(sources: dict[str, ModelSource]) -> list[Path]:
    """What was recorded for the sample pair, where the samples are installed beside the engine."""
    if not any(s.key.startswith("sample/") for s in sources.values()):
        return []
    try:
        from jobs.samples.catalog import SIGNALS
    except ImportError:
        return []
    return [Path(SIGNALS)]
