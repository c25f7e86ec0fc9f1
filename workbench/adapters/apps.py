from django.apps import AppConfig


class AdaptersConfig(AppConfig):
    name = "workbench.adapters"
    label = "adapters"
    default_auto_field = "django.db.models.BigAutoField"
