from __future__ import annotations

import html
import re
from typing import Any

import pytest

from jobs.distill.catalog import PARTS, SYSTEMS
from jobs.distill.catalog.show import all_parts
from workbench.help import manual, reference


@pytest.mark.parametrize("slug", [s for slugs in manual.GROUPS.values() for s in slugs])
def test_it_shows_a_page_whose_links_lead_somewhere(client_of: Any, alice: Any, slug: str) -> None:
    browser = client_of(alice)
    page = browser.get(f"/help/{slug}/")
    assert page.status_code == 200
    for target in set(re.findall(r'href="\.\./([^"#]+)"', page.content.decode())):
        assert browser.get(f"/help/{target}").status_code == 200, target


def test_it_lists_every_file_of_the_manual() -> None:
    assert {p.stem for p in manual.FOLDER.glob("*.md")} == set(manual.pages())


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_gives_every_method_a_page_with_formula_paper_and_options(client_of: Any, alice: Any, name: str) -> None:
    system, text = SYSTEMS[name], client_of(alice).get(f"/help/methods/{name}/").content.decode()
    assert "<math" in text and all(option.title.replace("'", "&#x27;") in text for option in system.options.values())
    assert system.paper is None or system.paper.url in text


@pytest.mark.parametrize("name", PARTS)
def test_it_writes_every_formula_as_mathml(name: str) -> None:
    text = manual.mathml(PARTS[name].formula)
    assert text.startswith("<math") and "\\" not in text and " style=" not in text


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("gap closed", "gap-closed"),
        ("bring your data", "bring-your-data"),
        ("LLM-Neo", "llm-neo"),
        ("quarantined", "when-it-fails"),
    ],
)
def test_it_finds_the_page_people_look_for(query: str, first: str) -> None:
    assert first in [hit.slug for hit in manual.search(query)][:2]


def test_it_says_so_when_nothing_is_found(client_of: Any, alice: Any) -> None:
    text = client_of(alice).get("/help/", {"q": "xyzzy <b>"}).content.decode()
    assert "No page has all of these words" in text and "<b>" not in text


@pytest.mark.parametrize("path", ["nope", "methods/nope", "..%2fmanual"])
def test_it_has_no_page_for_unknown_names(client_of: Any, alice: Any, path: str) -> None:
    assert client_of(alice).get(f"/help/{path}/").status_code == 404


def test_it_says_about_every_part_what_the_catalogue_says(client_of: Any, alice: Any) -> None:
    browser, found = client_of(alice), set()
    assert browser.get("/help/parts/").status_code == 200
    for kind in reference.kinds().values():
        text = html.unescape(browser.get(f"/help/parts/{kind.id}/").content.decode())
        for entry in kind.entries:
            part = entry.part
            found.add(part.id)
            assert all(words in text for words in (part.title, part.summary, part.when_to_use)), part.id
            assert part.paper is None or part.paper.title in text, part.id
            options = part.Options.model_json_schema().get("properties", {}).values()
            assert all(o.get("description", "") in text for o in options), part.id
    assert found == {part.id for part in all_parts()}
    assert browser.get("/help/parts/nope/").status_code == 404


def test_it_says_about_every_field_what_the_api_and_the_form_say(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    text = html.unescape(browser.get("/help/fields/").content.decode())
    schema = browser.get("/api/v1/recipe-schema").json()
    for definition in [schema, *schema["$defs"].values()]:
        for name, field in definition.get("properties", {}).items():
            assert f"<code>{name}</code>" in text and field.get("description", "") in text, (definition["title"], name)


def test_it_lists_methods_under_the_headings_of_their_groups(client_of: Any, alice: Any) -> None:
    text = client_of(alice).get("/help/methods/").content.decode()
    assert all(f'id="group-{group}"' in text for group in {s.group for s in SYSTEMS.values()})
    assert all(f"/help/methods/{name}/" in text for name in SYSTEMS)
