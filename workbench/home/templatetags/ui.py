"""Tags and filters every page uses: icons, statuses, numbers with their unit, interval or count.

{% load ui %}  {% icon "flask" %}  {% status run.state %}  {% score report.scores.student %}
{{ run.spec_bytes|bytes }}  {{ seconds|duration }}  {{ run.created_at|ago }}  {{ rows|count }}  {% help "gap-closed" %}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workbench.home import units
from workbench.home.units import NONE, finite
from workbench.runs.models import State

register = template.Library()

STATES: dict[str, tuple[str, str]] = {
    State.DRAFT: ("pencil", "secondary"),
    State.QUEUED: ("clock", "secondary"),
    State.CLAIMED: ("rocket", "primary"),
    State.RUNNING: ("player-play", "primary"),
    State.PAUSING: ("player-pause", "primary"),
    State.PAUSED: ("player-pause", "secondary"),
    State.CANCELLING: ("player-stop", "warning"),
    State.RETRY_WAIT: ("refresh", "warning"),
    State.SUCCEEDED: ("circle-check", "success"),
    State.FAILED: ("alert-triangle", "danger"),
    State.CANCELLED: ("circle-x", "secondary"),
    State.QUARANTINED: ("lock", "danger"),
}
ROLES = {"base": "Base", "control": "Control", "student": "Student", "teacher": "Teacher"}


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """A Tabler outline icon from the sprite. Decorative unless `label` names it."""
    href = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon {}" role="img" aria-label="{}"><use href="{}"></use></svg>', css, label, href
        )
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', css, href
    )


@register.simple_tag
def status(state: str) -> SafeString:
    """Word, icon and colour of a run's state."""
    name, colour = STATES.get(state, ("help", "secondary"))
    word = State(state).label if state in State.values else state
    return format_html('<span class="status-word status-{}">{}{}</span>', colour, icon(name), word)


@register.simple_tag
def role(name: str) -> SafeString:
    """A role with its colour dot: base, control, student, teacher."""
    return format_html('<span class="role role-{}">{}</span>', name if name in ROLES else "base", ROLES.get(name, name))


@register.simple_tag
def score(value: Any, digits: int = 3) -> SafeString:
    """A score with its 95 % interval and count: {value, low, high, n} or a bare number."""
    if not isinstance(value, Mapping):
        return format_html('<span class="num">{}</span>', number(value, digits))
    interval, n = "", ""
    if value.get("low") is not None and value.get("high") is not None:
        interval = format_html(
            ' <span class="interval" title="95 % bootstrap interval">{} to {}</span>',
            number(value["low"], digits),
            number(value["high"], digits),
        )
    if value.get("n") is not None:
        n = format_html(' <span class="interval">n = {}</span>', count(value["n"]))
    return format_html(
        '<span class="score"><span class="num">{}</span>{}{}</span>', number(value.get("value"), digits), interval, n
    )


@register.filter(name="score")
def score_filter(value: Any, digits: int = 3) -> SafeString:
    return score(value, digits)


@register.filter
def number(value: Any, digits: int = 3) -> str:
    """A plain number with a fixed count of decimals; a dash for none or not finite."""
    x = finite(value)
    return NONE if x is None else f"{x:,.{digits}f}".replace("-", "−")


@register.filter
def signed(value: Any, digits: int = 3) -> str:
    x = finite(value)
    return NONE if x is None else f"{x:+,.{digits}f}".replace("-", "−")


@register.filter
def percent(value: Any, digits: int = 0) -> str:
    x = finite(value)
    return NONE if x is None else f"{100 * x:.{digits}f} %".replace("-", "−")


@register.filter
def share(part: Any, whole: Any) -> str:
    """Part of a whole in percent: 12.5 %; a dash where there is no whole."""
    x, y = finite(part), finite(whole)
    return NONE if x is None or not y else percent(x / y, 1)


@register.filter
def count(value: Any) -> str:
    x = finite(value)
    return NONE if x is None else f"{int(x):,}"


@register.filter(name="bytes")
def bytes_(value: Any) -> str:
    return units.size(value)


@register.filter
def duration(value: Any) -> str:
    return units.duration(value)


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """A moment as distance from now, with the exact time on hover."""
    if not value:
        return NONE
    seconds = (timezone.now() - value).total_seconds()
    if -5 < seconds < 5:
        words = "now"
    else:
        short = duration(round(abs(seconds))).split(" ")
        words = f"{short[0]} {short[1]} ago" if seconds > 0 else f"in {short[0]} {short[1]}"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', value.isoformat(), value.strftime("%Y-%m-%d %H:%M:%S"), words
    )


@register.filter
def parameters(value: Any) -> str:
    """Number of weights as people say it: 1.2 M, 7.6 B."""
    x = finite(value)
    if x is None:
        return NONE
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if x >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.0f}"


@register.filter
def width_class(share: Any) -> str:
    """Class w-p0 ... w-p100 for bars: style attributes are not allowed by the content policy."""
    x = finite(share) or 0.0
    return f"w-p{min(100, max(0, round(100 * x)))}"


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """mapping[key], or None: for keys that only the template knows."""
    return mapping.get(key) if isinstance(mapping, Mapping) else None


@register.filter
def anchor(path: str | None) -> str:
    """The id of a recipe field on the studio's board."""
    return "f-" + re.sub(r"[^A-Za-z0-9_]+", "-", path or "name").strip("-")


@register.filter
def as_json(value: Any) -> str:
    """JSON for the value attribute of a button; the template escapes it."""
    return json.dumps(value, ensure_ascii=False)


@register.simple_tag
def help(slug: str, label: str = "") -> SafeString:
    """A small question mark that leads to a page of the manual."""
    words = label or f"Help: {slug.replace('-', ' ')}"
    try:
        return format_html(
            '<a class="help-mark" href="{}" aria-label="{}" title="{}">?</a>',
            reverse("help:page", args=[slug]),
            words,
            words,
        )
    except NoReverseMatch:
        return SafeString("")


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], prefix: str) -> SafeString:
    """aria-current for a link whose pages all start with `prefix`."""
    path = getattr(context.get("request"), "path", "")
    return (
        SafeString(' aria-current="page"')
        if path == prefix or (prefix != "/" and path.startswith(prefix))
        else SafeString("")
    )
