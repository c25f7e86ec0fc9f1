"""The list of texts that an import changed, kept with the version."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_incoming"), ("runs", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="datasetversion",
            name="changed_blob",
            field=models.ForeignKey(
                help_text="texts that the import changed, with place, before and after, JSONL",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="runs.blob",
            ),
        ),
    ]
