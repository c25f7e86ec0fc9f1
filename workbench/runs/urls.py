from django.urls import path

from . import views

app_name = "runs"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("queue/", views.queue, name="queue"),
    path("compare/", views.compare, name="compare"),
    path("compare/curves.json", views.compare_curves, name="compare_curves"),
    path("<uuid:run_id>/", views.detail, name="detail"),
    path("<uuid:run_id>/report/", views.report, name="report"),
    path("<uuid:run_id>/part/<slug:name>/", views.part, name="part"),
    path("<uuid:run_id>/stream/", views.stream, name="stream"),
    path("<uuid:run_id>/curves.json", views.curves, name="curves"),
    path("<uuid:run_id>/log.txt", views.log, name="log"),
    path("<uuid:run_id>/recipe.yaml", views.recipe, name="recipe"),
    path("<uuid:run_id>/folder.zip", views.folder, name="folder"),
    path("<uuid:run_id>/rows/<slug:name>/", views.rejected, name="rejected"),
    path("<uuid:run_id>/outputs/<slug:name>.jsonl", views.output, name="output"),
    path("<uuid:run_id>/end-rounds/", views.end_rounds, name="end_rounds"),
    path("<uuid:run_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:run_id>/pause/", views.pause, name="pause"),
    path("<uuid:run_id>/resume/", views.resume, name="resume"),
    path("<uuid:run_id>/retry/", views.retry, name="retry"),
    path("<uuid:run_id>/clone/", views.clone, name="clone"),
]
