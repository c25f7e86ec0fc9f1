from django.urls import path

from . import views

app_name = "endpoints"
urlpatterns = [
    path("", views.listing, name="list"),
    path("add/", views.add, name="add"),
    path("<uuid:endpoint_id>/", views.detail, name="detail"),
    path("<uuid:endpoint_id>/change/", views.change, name="change"),
    path("<uuid:endpoint_id>/test/", views.test, name="test"),
    path("<uuid:endpoint_id>/key/remove/", views.remove_key, name="remove_key"),
    path("<uuid:endpoint_id>/remove/", views.remove, name="remove"),
    path("calls/<uuid:run_id>/", views.calls, name="calls"),
    path("calls/<uuid:run_id>/calls.jsonl", views.download, name="download"),
    path("calls/<uuid:run_id>/cap/", views.raise_cap, name="raise_cap"),
    path("calls/<uuid:run_id>/use/", views.use, name="use"),
]
