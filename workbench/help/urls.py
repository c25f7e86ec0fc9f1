from django.urls import path

from . import views

app_name = "help"
urlpatterns = [
    path("", views.index, name="index"),
    path("methods/", views.methods, name="methods"),
    path("methods/<slug:method_id>/", views.method, name="method"),
    path("<slug:slug>/", views.page, name="page"),
]
