from __future__ import annotations

import pytest

from jobs.distill.plan.facts import DataFacts, ModelFacts
from jobs.results import samples
from jobs.samples.catalog import DATASET, STUDENT, TEACHER
from workbench.datasets.models import Dataset, DatasetVersion
from workbench.library.models import Model
from workbench.runs import blobs

pytestmark = pytest.mark.django_db


def test_it_registers_the_shipped_samples_once() -> None:
    assert samples.register() == samples.register() == "2 models, 7 datasets"
    assert set(Model.objects.values_list("key", "team")) == {(TEACHER, None), (STUDENT, None)}
    assert all(ModelFacts.model_validate(m.facts).sha256 == m.sha256 for m in Model.objects.all())
    version = DatasetVersion.objects.get(dataset=Dataset.objects.get(key=DATASET, team=None))
    facts = DataFacts.model_validate(version.facts)
    assert (version.number, facts.rows, facts.labelled, facts.heldout) == (1, 7329, 770 + 2309, 2309)
    assert facts.sha256 == version.sha256 == version.rows_blob_id and facts.prompt_lengths
    blobs.verify(version.rows_blob_id)
