from django.urls import path

from . import views

app_name = "studio"
urlpatterns = [
    path("", views.new, name="new"),
    path("<uuid:draft_id>/", views.draft, name="draft"),
    path("<uuid:draft_id>/save/", views.save, name="save"),
    path("<uuid:draft_id>/fix/", views.fix, name="fix"),
    path("<uuid:draft_id>/edit/", views.edit, name="edit"),
    path("<uuid:draft_id>/start/", views.start, name="start"),
    path("<uuid:draft_id>/recipe/", views.apply_recipe, name="apply_recipe"),
    path("<uuid:draft_id>/recipe.yaml", views.recipe, name="recipe"),
    path("<uuid:draft_id>/discard/", views.discard, name="discard"),
]
