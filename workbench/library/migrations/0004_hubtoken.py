"""The team's token for gated models of the hub, sealed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("library", "0003_initial"), ("team", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="HubToken",
            fields=[
                ("team", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to="team.team")),
                ("sealed", models.TextField()),
                ("set_at", models.DateTimeField(auto_now=True)),
                ("set_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
