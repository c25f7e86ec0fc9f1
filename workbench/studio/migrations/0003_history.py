import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("studio", "0002_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="comments",
            field=models.JSONField(blank=True, default=list, help_text="Comments of the recipe's text, each with its path"),
        ),
        migrations.AddField(
            model_name="draft",
            name="head",
            field=models.PositiveIntegerField(default=0, help_text="number of the change whose state this is"),
        ),
        migrations.CreateModel(
            name="DraftChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("parent", models.PositiveIntegerField(help_text="number of the state it came from", null=True)),
                ("fields", models.JSONField(default=dict)),
                ("comments", models.JSONField(default=list)),
                ("words", models.CharField(help_text="what was changed, as a sentence", max_length=400)),
                ("tab", models.CharField(blank=True, default="", help_text="page that sent it; empty for the API", max_length=40)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ("draft", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="studio.draft")),
            ],
            options={"ordering": ["-number"]},
        ),
        migrations.AddConstraint(
            model_name="draftchange",
            constraint=models.UniqueConstraint(fields=("draft", "number"), name="one_number_per_draft"),
        ),
    ]
