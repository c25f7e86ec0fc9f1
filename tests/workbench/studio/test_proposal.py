"""The task of the rows proposes the metric of the evaluation; one press takes it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workbench.samples import sample_library
from workbench.datasets.models import DatasetVersion
from workbench.studio.models import Draft


@pytest.fixture
def browser(client_of: Any, alice: Any) -> Any:
    return client_of(alice)


def test_one_press_takes_the_metric_that_the_task_proposes(db: None, browser: Any, alice: Any) -> None:
    sample_library()
    version = DatasetVersion.objects.get(dataset__key="sample/banking77")
    mapping = {
        "task": {"key": "summary", "title": "Summary", "metric": "rouge_l", "metric_why": "there are many right ones"}
    }
    DatasetVersion.objects.filter(pk=version.pk).update(mapping=mapping)
    page = browser.get("/studio/?dataset=sample/banking77", follow=True)
    assert "Summary: scored by ROUGE-L, as there are many right ones." in page.content.decode()
    draft = Draft.objects.get(created_by=alice)
    fix = page.context["proposal"]["fix"].model_dump_json()
    browser.post(f"/studio/{draft.id}/fix/", {"data.dataset": "sample/banking77", "fix": fix})
    draft.refresh_from_db()
    assert draft.fields["evaluation"]["metric"] == "rouge_l"
    assert browser.get(f"/studio/{draft.id}/").context["proposal"] is None


@pytest.mark.parametrize("mapping", [{}, {"task": None}, {"task": {"metric": "auto"}}, {"task": "old"}])
def test_it_proposes_nothing_where_the_version_says_nothing(db: None, browser: Any, mapping: Any) -> None:
    sample_library()
    DatasetVersion.objects.update(mapping=mapping)
    assert browser.get("/studio/?dataset=sample/banking77", follow=True).context["proposal"] is None
