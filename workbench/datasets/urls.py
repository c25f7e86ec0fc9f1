from django.urls import path

from . import incoming_views, profile_views, upload_views, views

app_name = "datasets"
urlpatterns = [
    path("", views.list_, name="list"),
    path("upload/", incoming_views.bring, name="upload"),
    path("upload/version/", incoming_views.start_here, name="start_here"),
    path("upload/outputs/", incoming_views.from_run, name="from_run"),
    path("fetching/<uuid:run_id>/", incoming_views.fetching, name="fetching"),
    path("fetching/<uuid:run_id>/stop/", incoming_views.stop_fetching, name="stop_fetching"),
    path("fetching/<uuid:run_id>/again/", incoming_views.fetch_again, name="fetch_again"),
    path("uploads/unfinished/<uuid:upload_id>/discard/", incoming_views.discard_parts, name="discard_parts"),
    path("uploads/<uuid:upload_id>/", upload_views.confirm, name="confirm"),
    path("uploads/<uuid:upload_id>/check/", upload_views.check, name="check"),
    path("uploads/<uuid:upload_id>/tokens/", upload_views.upload_tokens, name="upload_tokens"),
    path("uploads/<uuid:upload_id>/importing/", upload_views.importing, name="importing"),
    path("uploads/<uuid:upload_id>/<str:which>.csv", upload_views.listing, name="upload_listing"),
    path("uploads/<uuid:upload_id>/discard/", upload_views.discard, name="discard"),
    path("<uuid:dataset_id>/", views.detail, name="detail"),
    path("<uuid:dataset_id>/about/", views.describe, name="describe"),
    path("<uuid:dataset_id>/delete/", views.delete, name="delete"),
    path("<uuid:dataset_id>/versions/<int:number>/", views.version, name="version"),
    path("<uuid:dataset_id>/versions/<int:number>/rows/", views.rows, name="rows"),
    path("<uuid:dataset_id>/versions/<int:number>/tokens/", views.tokens, name="tokens"),
    path("<uuid:dataset_id>/versions/<int:number>/profile/", profile_views.profile, name="profile"),
    path("<uuid:dataset_id>/versions/<int:number>/profile/measure/", profile_views.measure, name="measure"),
    path("<uuid:dataset_id>/versions/<int:number>/profile/check/", profile_views.check, name="check_against"),
    path("<uuid:dataset_id>/versions/<int:number>/cut/", profile_views.cut, name="cut"),
    path("<uuid:dataset_id>/versions/<int:number>/cut/use/", profile_views.use_cut, name="use_cut"),
    path("<uuid:dataset_id>/versions/<int:number>/compare/", profile_views.compare, name="compare"),
    path("<uuid:dataset_id>/versions/<int:number>/rows.csv", views.export, name="export"),
    path("<uuid:dataset_id>/versions/<int:number>/refused.csv", views.refused, name="refused"),
    path("<uuid:dataset_id>/versions/<int:number>/changed.csv", views.changed, name="changed"),
]
