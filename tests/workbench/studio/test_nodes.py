"""The large form: every field of a recipe has an input, and the form gives back the recipe it shows."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.catalog import PARTS, SYSTEMS
from jobs.distill.catalog.tables import KINDS
from jobs.distill.recipe import Recipe
from tests.workbench.samples import sample_library
from workbench.studio import editing, forms, nodes, paths, reading
from workbench.studio.models import Draft

PAIR = {"student": {"model": "s"}, "teacher": {"model": "t"}, "data": {"dataset": "d"}}
CURVE = {"type": "steps", "points": [[0.0, 1.0], [0.5, 0.25]]}
LOSSES: dict[str, Any] = {
    **PAIR,
    "name": "A mixture",
    "student": {
        "model": "s",
        "adapter": {"type": "boft", "options": {"boft_block_size": 8}, "rank": 4, "noise": {"alpha": 7.5}},
        "shape": {"kind": "truncate", "keep": "listed", "listed": [0, 2, 3]},
    },
    "teachers": [{"id": "second", "model": "t2", "dtype": "float32"}],
    "data": {"dataset": "d", "heldout": 0.2, "roles": {"user": "question", "domain": "topic"}},
    "stages": [
        {"kind": "generate", "name": "beams", "candidates": 4, "choose": "nearest"},
        {"kind": "record", "temperatures": [1.0, 2.5]},
        {
            "kind": "train",
            "name": "mix them",
            "steps": 30,
            "domains": ["a, b", "c"],
            "rationale_prefix": "Why? ",
            "mix": {"every": 5},
            "source": {"kind": "mixed", "share": {"start": 0.1, "end": 0.9}, "window": 4},
            "terms": [
                {"type": "forward-kl", "weight": 0.5, "temperature": 2.0, "t_squared": True, "schedule": {"weight": CURVE, "temperature": {}}},
                {"type": "skew-kl", "t_squared": False, "options": {"alpha": 0.3, "support": 32}, "weighting": {"type": "teacher-entropy"}},
            ],
            "teaching": {"members": [{"weight": 0.25}, {"name": "second", "weight": 0.75, "domains": ["x"]}], "combine": "geometric"},
            "schedule": {"type": "wsd", "warmup": 3},
            "watch": {"every": 10, "keep": "best", "patience": 2},
        },
    ],
}  # fmt: skip
PAIRS: dict[str, Any] = {
    **PAIR,
    "control": False,
    "student": {"model": "s", "adapter": {"velora": {"groups": 8}, "targets": ["q_proj", "v_proj"]}, "shape": {"kind": "prune_width", "score": "l0_mask", "layers": 2}},
    "stages": [
        {"kind": "select", "method": "perplexity", "keep": 0.25, "text": "all"},
        {"kind": "train", "name": "a", "learner": "teacher", "epochs": 1, "terms": [{"type": "cross-entropy"}]},
        {"kind": "train", "name": "b", "start": "fresh", "epochs": 0.5, "source": {"kind": "pairs", "pairs": "density_ratio", "weak": {}, "strong": {"kind": "ema", "name": "m"}}, "terms": [{"type": "dpo", "options": {"beta": 0.2, "reverse": True}}]},
        {"kind": "merge", "parents": ["a", "b"], "weights": [0.4, 0.6]},
    ],
}  # fmt: skip


def spelled(name: str) -> dict[str, Any]:
    return editing.spell_out({**PAIR, "method": name})


RICH = {"losses": LOSSES, "pairs": PAIRS, "distillm-2": spelled("distillm-2")}


class Controls(HTMLParser):
    """What a browser would send for the form with the id `board`."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.select = self.area = ""
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        name = a.get("name") or ""
        self.ids += [a["id"] or ""] if "id" in a else []
        if tag == "input" and name and (a.get("type") not in ("checkbox", "radio") or "checked" in a):
            self.sent[name] = a.get("value") or ("on" if a.get("type") == "checkbox" else "")
        elif tag == "select":
            self.select, self.sent[name] = name, self.sent.get(name, "")
            self.first = True
        elif tag == "option" and self.select and (self.first or "selected" in a):
            self.sent[self.select], self.first = a.get("value") or "", False
        elif tag == "textarea":
            self.area, self.sent[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.sent[self.area], self.area = self.sent[self.area].removeprefix("\n"), ""
        if tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.sent[self.area] += data


CHOICES = {"kind", *(name for name, _ in nodes.TYPED.values())}  # what decides which fields there are


def bare(value: Any, key: str = "") -> Any:
    """The same lists, groups and kinds with every other value taken out, so that the form alone can bring them back."""
    if isinstance(value, dict):
        return {k: bare(v, k) for k, v in value.items() if k in CHOICES or isinstance(v, dict | list)}
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return [bare(v) for v in value]
    return None if isinstance(value, list) else value


@pytest.fixture
def page(client_of: Any, alice: Any, db: None) -> Any:
    browser = client_of(alice)

    def show(fields: dict[str, Any]) -> tuple[Controls, Draft, Any]:
        draft = Draft.objects.create(team=alice.memberships.get().team, created_by=alice, fields=fields)
        answer = browser.get(f"/studio/{draft.id}/")
        assert answer.status_code == 200
        found = Controls()
        found.feed(answer.content.decode())
        return found, draft, browser

    return show


@pytest.mark.parametrize("name", RICH)
def test_it_gives_back_the_recipe_it_shows(page: Any, name: str) -> None:
    recipe = recipes.parse(RICH[name])
    found, _, _ = page(recipes.to_dict(recipe))
    out = reading.parse(
        found.sent | {"data.dataset": "d", "student.model": "s", "teacher.model": "t"}, bare(recipes.to_dict(recipe))
    )
    assert said(out) == said(recipes.to_dict(recipe))
    assert len(found.ids) == len(set(found.ids))


EVERY_SHAPE = [
    {"kind": "truncate"}, {"kind": "collapse"}, {"kind": "prune_depth"}, {"kind": "prune_width"}, {"kind": "trim_vocab"},
    {"kind": "merge", "models": ["t"]},
]  # fmt: skip


@pytest.mark.parametrize("shape", EVERY_SHAPE, ids=lambda s: s["kind"])
def test_it_has_an_input_for_every_field_of_the_recipe(page: Any, shape: dict[str, Any]) -> None:
    fields = {
        **LOSSES,
        "student": {**LOSSES["student"], "shape": shape},
        "stages": [*LOSSES["stages"], *PAIRS["stages"]],
    }
    sample_library()
    fields = recipes.to_dict(
        recipes.parse({**fields, "data": {"dataset": "sample/banking77"}})
    )  # has versions to choose
    found, _, _ = page(fields)
    names = set(found.sent) | {n.removesuffix(":shown") for n in found.sent}
    # addresses of teachers belong to the library's endpoints, and a student costs no fee
    missing = [p for p in every_path(Recipe.model_json_schema(), fields) if p not in names]
    missing = [p for p in missing if ".endpoint." not in p and not p.startswith("student.budget.")]
    assert not missing


def said(fields: dict[str, Any]) -> dict[str, Any]:
    """The recipe with every option of its terms written out, whether it stands at its default or not."""
    out = recipes.parse(fields).model_dump()
    for stage in out["stages"]:
        for term in stage.get("terms", []):
            term["options"] = PARTS[term["type"]].Options.model_validate(term["options"]).model_dump()
    return out


SMALL_FORM = ("version", "method", "options", "train")


def every_path(root: dict[str, Any], data: dict[str, Any]) -> list[str]:
    """The path of every leaf of the schema, walked along what the recipe chose (its stages, terms, kinds and curves)."""
    defs, out = root["$defs"], []

    def walk(spec: dict[str, Any], value: Any, path: str) -> None:
        kinds = [defs[k["$ref"].rpartition("/")[2]] if "$ref" in k else k for k in spec.get("anyOf", [spec])]
        for k in kinds:
            if "oneOf" in k:
                chosen = value.get("kind") if isinstance(value, dict) else None
                every = [defs[r["$ref"].rpartition("/")[2]] for r in k["oneOf"]]
                for d in every:
                    if d["properties"]["kind"]["const"] == chosen:
                        walk(d, value, path)
            elif "properties" in k:
                for name, prop in k["properties"].items():
                    if path or name not in SMALL_FORM:
                        walk(prop, value.get(name) if isinstance(value, dict) else None, f"{path}.{name}".lstrip("."))
            elif isinstance(k.get("items"), dict) and ("$ref" in k["items"] or "oneOf" in k["items"]):
                for i, item in enumerate(value or []):
                    walk(k["items"], item, f"{path}.{i}")
            elif isinstance(k.get("additionalProperties"), dict) and "$ref" in k["additionalProperties"]:
                for key, item in (value or {}).items():
                    walk(k["additionalProperties"], item, f"{path}.{key}")
            elif path.endswith(".options"):
                out.extend(f"{path}.{key}" for key in (value or {}))
            elif k.get("type") != "null":
                out.append(path)

    walk(root, data, "")
    assert len(out) > 300
    return out


def test_it_shows_the_words_of_the_schema_beside_every_field() -> None:
    fields = {**LOSSES, "stages": [*LOSSES["stages"], *PAIRS["stages"]]}
    defs = Recipe.model_json_schema()["$defs"]
    said = {(p.get("title"), p.get("description", "")) for d in defs.values() for p in d.get("properties", {}).values()}
    said |= {(p.get("title"), p.get("description", "")) for p in Recipe.model_json_schema()["properties"].values()}
    parts = [*PARTS.values(), *(p for table in KINDS.values() for p in table.values())]
    for part in parts:
        schema = part.Options.model_json_schema()
        said |= {(p.get("title"), p.get("description", "")) for p in schema.get("properties", {}).values()}
    shown = [i for i in nodes.leaves(nodes.tree(fields)) if i.kind != "hidden" and not i.path.endswith(".kind")]
    assert len(shown) > 300
    assert [i.path for i in shown if (i.title, i.help) not in said] == []


def test_it_offers_every_part_of_the_engine() -> None:
    found = {i.path: i for i in nodes.leaves(nodes.tree({**LOSSES, "stages": [*LOSSES["stages"], *PAIRS["stages"]]}))}
    assert {v for v, _ in found["stages.2.terms.0.type"].choices} == set(PARTS)
    assert {v for v, _ in found["stages.2.terms.1.weighting.type"].choices} == set(KINDS["weighting"])
    assert {v for v, _ in found["stages.3.method"].choices} == set(KINDS["selection"])
    assert {v for v, _ in found["student.adapter.type"].choices} == set(KINDS["adapter"])
    assert {v for v, _ in found["student.shape.kind"].choices} - {""} == set(KINDS["shape"])


@pytest.mark.parametrize("name", [n for n, s in SYSTEMS.items() if s.status == "works"])
def test_it_spells_out_every_method(name: str) -> None:
    out = spelled(name)
    assert recipes.parse(out).stages and "method" not in out


def test_it_adds_moves_and_removes_stages_and_terms(page: Any) -> None:
    found, draft, browser = page({**PAIR, "method": "llm-neo"})

    def press(what: str, **more: str) -> Any:
        answer = browser.get(f"/studio/{draft.id}/")
        form = Controls()
        form.feed(answer.content.decode())
        browser.post(f"/studio/{draft.id}/edit/", form.sent | PICKED | more | {"do": what})
        draft.refresh_from_db()
        return draft.fields["stages"]

    assert [s["kind"] for s in press("spell")] == ["generate", "train"]
    assert len(press("add:stages:record")) == 3
    assert [s["kind"] for s in press("up:stages.2")] == ["generate", "record", "train"]
    assert [t["type"] for t in press("add:stages.2.terms:Term")[2]["terms"]][-1] == "cross-entropy"
    assert press("put:stages.2.terms.0.schedule", **{"stages.2.terms.0.schedule:name": "weight"})[2]["terms"][0][
        "schedule"
    ] == {"weight": {}}
    assert "schedule" not in press("remove:stages.2.terms.0.schedule.weight")[2]["terms"][0]
    assert [s["kind"] for s in press("remove:stages.0")] == ["record", "train"]
    assert press("nonsense:stages.x") == press("remove:stages.77")


PICKED = {"data.dataset": "d", "student.model": "s", "teacher.model": "t"}


def test_it_forgets_options_that_the_new_part_does_not_have() -> None:
    fields = {**PAIR, "stages": [{"kind": "train", "epochs": 1, "terms": [{"type": "jsd", "options": {"beta": 0.3}}]}]}
    out = reading.parse({"stages:shown": "1", "stages.0.terms:shown": "1", "stages.0.terms.0.type": "skew-kl"}, fields)
    assert paths.get(out, "stages.0.terms.0") == {"type": "skew-kl"}


@pytest.mark.parametrize("at", ["stages.0", "stages.1.stages.0"])
def test_it_keeps_several_teachers_where_nothing_else_of_the_teaching_is_set(page: Any, at: str) -> None:
    train = {"kind": "train", "epochs": 1, "terms": [{"type": "forward-kl"}]}
    fields: dict[str, Any] = {**PAIR, "stages": [dict(train), {"kind": "loop", "stages": [dict(train)]}]}
    paths.put(fields, f"{at}.teaching", {"members": [{}, {"name": "second", "weight": 3.0}]})
    found, draft, browser = page(fields)
    browser.post(f"/studio/{draft.id}/save/", found.sent | PICKED)
    draft.refresh_from_db()
    assert paths.get(draft.fields, f"{at}.teaching.members.1") == {"name": "second", "weight": 3.0}


@pytest.mark.parametrize(
    "stages", [7, "x", [3], [{"kind": "none"}], [{"kind": "train", "terms": 5}], [{"terms": [{"type": []}]}], {"a": 1}]
)
def test_it_survives_any_stages(page: Any, stages: Any) -> None:
    found, draft, browser = page({**PAIR, "stages": stages})
    assert browser.post(f"/studio/{draft.id}/save/", found.sent).status_code == 302
    assert browser.get(f"/studio/{draft.id}/").status_code == 200


def test_it_sends_new_fields_when_a_choice_brings_some(page: Any) -> None:
    found, draft, browser = page(RICH["pairs"])
    text = browser.post(
        f"/studio/{draft.id}/save/",
        found.sent | PICKED | {"student.shape.kind": "collapse"},
        headers={"HX-Request": "true"},
    ).content.decode()
    assert 'name="student.shape.threshold"' in text and "student.shape.heads" not in text


def test_it_keeps_the_names_of_fields_apart_from_anchors() -> None:
    anchors = [forms.anchor(i.path) for i in nodes.leaves(nodes.tree(LOSSES))]
    assert len(anchors) == len(set(anchors))
