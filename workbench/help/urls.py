from django.urls import path

from . import views

app_name = "help"
urlpatterns = [
    path("", views.index, name="index"),
    path("methods/", views.methods, name="methods"),
    path("methods/<str:method_id>/", views.method, name="method"),
    path("parts/", views.parts, name="parts"),
    path("parts/<slug:kind>/", views.parts_of, name="parts_of"),
    path("fields/", views.fields, name="fields"),
    path("<slug:slug>/", views.page, name="page"),
]
