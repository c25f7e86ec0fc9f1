from django.urls import path

from . import views

app_name = "sweeps"
urlpatterns = [
    path("", views.list_, name="list"),
    path("new/<uuid:draft_id>/", views.new, name="new"),
    path("new/<uuid:draft_id>/start/", views.start, name="start"),
    path("<uuid:sweep_id>/", views.detail, name="detail"),
    path("<uuid:sweep_id>/stop/", views.stop, name="stop"),
]
