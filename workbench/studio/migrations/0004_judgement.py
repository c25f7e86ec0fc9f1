import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("studio", "0003_history"),
        ("runs", "0004_kinds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="device",
            field=models.CharField(
                blank=True, default="", max_length=80, help_text="what memory is shown against: a GPU's id; empty for the slots here"
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="dry_run",
            field=models.ForeignKey(
                help_text="the newest dry run", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="runs.run"
            ),
        ),
        migrations.CreateModel(
            name="Tour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.PositiveSmallIntegerField(default=1)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="tour", to=settings.AUTH_USER_MODEL),
                ),
            ],
        ),
    ]
