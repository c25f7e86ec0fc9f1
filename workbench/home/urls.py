from django.urls import path

from . import views

app_name = "home"
urlpatterns = [
    path("", views.index, name="index"),
    path("sample/", views.run_sample, name="run_sample"),
    path("healthz", views.healthz, name="healthz"),
]
