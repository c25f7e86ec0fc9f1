from django.urls import path

from . import views

app_name = "library"
urlpatterns = [
    path("", views.library, name="list"),
    path("add/", views.add, name="add"),
    path("add/folder/", views.add_folder, name="add_folder"),
    path("token/remove/", views.remove_token, name="remove_token"),
    path("<uuid:model_id>/", views.detail, name="detail"),
]
