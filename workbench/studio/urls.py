from django.urls import path

from . import draft_views, guidance_views, views

app_name = "studio"
urlpatterns = [
    path("", views.new, name="new"),
    path("advice/", guidance_views.advice, name="advice"),
    path("templates/", guidance_views.templates, name="templates"),
    path("templates/<slug:template_id>/", guidance_views.use_template, name="use_template"),
    path("tour/", guidance_views.tour_step, name="tour"),
    path("<uuid:draft_id>/use-method/", guidance_views.use_method, name="use_method"),
    path("<uuid:draft_id>/device/", guidance_views.device, name="device"),
    path("<uuid:draft_id>/dry-run/", guidance_views.dry_run, name="dry_run"),
    path("drafts/", draft_views.drafts, name="drafts"),
    path("<uuid:draft_id>/", views.draft, name="draft"),
    path("<uuid:draft_id>/form/", views.plain_form, name="form"),
    path("<uuid:draft_id>/save/", views.save, name="save"),
    path("<uuid:draft_id>/fix/", views.fix, name="fix"),
    path("<uuid:draft_id>/edit/", views.edit, name="edit"),
    path("<uuid:draft_id>/prompts/", views.show_prompts, name="prompts"),
    path("<uuid:draft_id>/start/", views.start, name="start"),
    path("<uuid:draft_id>/recipe/", views.apply_recipe, name="apply_recipe"),
    path("<uuid:draft_id>/check-recipe/", views.check_recipe, name="check_recipe"),
    path("<uuid:draft_id>/recipe.yaml", views.recipe, name="recipe"),
    path("<uuid:draft_id>/discard/", views.discard, name="discard"),
    path("<uuid:draft_id>/copy/", draft_views.copy, name="copy"),
    path("<uuid:draft_id>/undo/", draft_views.undo, name="undo"),
    path("<uuid:draft_id>/redo/", draft_views.redo, name="redo"),
    path("<uuid:draft_id>/goto/", draft_views.goto, name="goto"),
    path("<uuid:draft_id>/history/", draft_views.states, name="history"),
    path("<uuid:draft_id>/compare/", draft_views.compare, name="compare"),
]
