"""Where a version came from, and the steps that a person is putting together for the next one."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0002_initial"),
        ("runs", "0004_kinds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="datasetversion",
            name="parent",
            field=models.ForeignKey(
                help_text="the version whose rows were changed into these; null: made from a file",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="children",
                to="datasets.datasetversion",
            ),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="joined",
            field=models.ManyToManyField(
                help_text="other versions whose rows came in by a join",
                related_name="joined_into",
                to="datasets.datasetversion",
            ),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="steps",
            field=models.JSONField(
                default=list, help_text="the transforms that made it from its parent, in order, replayable"
            ),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="changes",
            field=models.JSONField(
                default=list, help_text="per step: rows in, dropped, changed, added, out, by reason"
            ),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="changes_blob",
            field=models.ForeignKey(
                help_text="every dropped, changed and added row with its step and reason, JSONL",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="runs.blob",
            ),
        ),
        migrations.CreateModel(
            name="StepDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("steps", models.JSONField(default=list, help_text="as typed: a step may be unfinished")),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="step_drafts",
                        to="datasets.datasetversion",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="stepdraft",
            constraint=models.UniqueConstraint(fields=("version", "user"), name="one_step_draft_per_person"),
        ),
    ]
