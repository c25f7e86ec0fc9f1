from django.urls import path

from . import gate_views, table_views, views

app_name = "review"
urlpatterns = [
    path("", views.list_, name="list"),
    path("gates/<uuid:run_id>/rows/", gate_views.lay_out, name="gate_rows"),
    path("gates/<uuid:run_id>/desk/", gate_views.desk, name="gate_desk"),
    path("gates/<uuid:run_id>/go-on/", gate_views.go_on, name="gate_go_on"),
    path("new/<uuid:version_id>/", views.new, name="new"),
    path("<uuid:review_id>/", views.desk, name="desk"),
    path("<uuid:review_id>/rows/<int:rank>/", views.row, name="row"),
    path("<uuid:review_id>/rows/<int:rank>/decide/", views.decide, name="decide"),
    path("<uuid:review_id>/rows/", table_views.table, name="table"),
    path("<uuid:review_id>/bulk/", table_views.bulk, name="bulk"),
    path("<uuid:review_id>/agreement/", table_views.agreement, name="agreement"),
    path("<uuid:review_id>/finish/", table_views.finish, name="finish"),
    path("<uuid:review_id>/decisions.jsonl", table_views.decisions, name="decisions"),
]
