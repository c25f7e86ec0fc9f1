"""Names of stages: one each, and those that name another stage follow it when it is renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .stage_words import name_of

LONGEST_NAME = 80


def all_stages(fields: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every stage with its path, those of a loop after it."""
    out: list[tuple[str, dict[str, Any]]] = []

    def walk(stages: Any, at: str) -> None:
        for i, stage in enumerate(stages if isinstance(stages, list) else []):
            if isinstance(stage, dict):
                out.append((f"{at}.{i}", stage))
                walk(stage.get("stages"), f"{at}.{i}.stages")

    walk(fields.get("stages"), "stages")
    return out


def own_names(new: dict[str, Any], stages: list[dict[str, Any]]) -> dict[str, Any]:
    """The stage and, of a loop, the stages inside it, each with a name that no other has."""
    taken = list(stages)
    new = with_own_name(new, taken)
    if isinstance(new.get("stages"), list):
        inner: list[Any] = []
        for stage in new["stages"]:
            inner.append(with_own_name(stage, taken) if isinstance(stage, dict) and "kind" in stage else stage)
            taken += [s for s in inner[-1:] if isinstance(s, dict)]
        new = {**new, "stages": inner}
    return new


def with_own_name(new: dict[str, Any], stages: list[dict[str, Any]], name: str = "") -> dict[str, Any]:
    """The stage with a name that no other has: train, train 2, train 3."""
    name, taken = name or name_of(new), {name_of(s) for s in stages}
    if name in taken:
        stem = name.rstrip("0123456789").rstrip() or name
        number = next(n for n in range(2, len(taken) + 3) if f"{stem[: LONGEST_NAME - 4]} {n}" not in taken)
        name = f"{stem[: LONGEST_NAME - 4]} {number}"
    return new if name == name_of(new) else {"kind": new["kind"], **new, "name": name}


def follow_names(before: Mapping[str, Any], after: dict[str, Any]) -> None:
    """A stage that got another name is called so by the stages that name it: starts, parents, teachers, writers, rewards."""
    old, new = all_stages(before), all_stages(after)
    if [path for path, _ in old] != [path for path, _ in new]:
        return
    still = {name_of(s) for _, s in new}
    for (_, a), (_, b) in zip(old, new, strict=True):
        if a.get("kind") == b.get("kind") and name_of(a) != name_of(b) and name_of(a) not in still:
            for _, stage in new:
                _call(stage, name_of(a), name_of(b))


def _call(stage: dict[str, Any], old: str, new: str) -> None:
    for key in ("start", "by"):
        if stage.get(key) == old:
            stage[key] = new
    if isinstance(stage.get("parents"), list):
        stage["parents"] = [new if p == old else p for p in stage["parents"]]
    _call_voices(stage, old, new)
    _call_rewards(stage, old, new)


def _call_voices(stage: dict[str, Any], old: str, new: str) -> None:
    teaching, source = stage.get("teaching"), stage.get("source")
    members = teaching.get("members") if isinstance(teaching, dict) else None
    voices = [*(members if isinstance(members, list) else [])]
    voices += [source.get("strong"), source.get("weak")] if isinstance(source, dict) else []
    for voice in voices:
        if isinstance(voice, dict) and voice.get("kind") == "adapter" and voice.get("name") == old:
            voice["name"] = new


def _call_rewards(stage: dict[str, Any], old: str, new: str) -> None:
    """Who asks a reward model: a source, a check, a rule. One that does not say which asks the stage called reward."""
    source, checks, options = stage.get("source"), stage.get("checks"), stage.get("options")
    if isinstance(source, dict) and source.get("reward") == "model" and source.get("reward_model", "reward") == old:
        source["reward_model"] = new
    for check in [c for c in checks if isinstance(c, dict)] if isinstance(checks, list) else []:
        if check.get("by") == old:
            check["by"] = new
        asked = check.get("options") or {}
        if check.get("type") == "reward-model" and isinstance(asked, dict) and asked.get("model", "reward") == old:
            check["options"] = {**asked, "model": new}
    ranked = options if stage.get("kind") == "prefer" and isinstance(options, dict) else {}
    if ranked.get("score") == "reward-model" and ranked.get("reward", "reward") == old:
        stage["options"] = {**ranked, "reward": new}
