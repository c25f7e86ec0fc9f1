from django.urls import path

from . import views

app_name = "adapters"
urlpatterns = [
    path("", views.adapter_list, name="list"),
    path("<uuid:run_id>/", views.detail, name="detail"),
    path("<uuid:run_id>/download/", views.download, name="download"),
    path("<uuid:run_id>/verify/", views.verify, name="verify"),
]
