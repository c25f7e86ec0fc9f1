from django.urls import path

from . import views

app_name = "datasets"
urlpatterns = [
    path("", views.list_, name="list"),
    path("upload/", views.upload, name="upload"),
    path("uploads/<uuid:upload_id>/", views.confirm, name="confirm"),
    path("uploads/<uuid:upload_id>/check/", views.check, name="check"),
    path("uploads/<uuid:upload_id>/tokens/", views.upload_tokens, name="upload_tokens"),
    path("uploads/<uuid:upload_id>/importing/", views.importing, name="importing"),
    path("uploads/<uuid:upload_id>/discard/", views.discard, name="discard"),
    path("<uuid:dataset_id>/", views.detail, name="detail"),
    path("<uuid:dataset_id>/about/", views.describe, name="describe"),
    path("<uuid:dataset_id>/delete/", views.delete, name="delete"),
    path("<uuid:dataset_id>/versions/<int:number>/", views.version, name="version"),
    path("<uuid:dataset_id>/versions/<int:number>/rows/", views.rows, name="rows"),
    path("<uuid:dataset_id>/versions/<int:number>/tokens/", views.tokens, name="tokens"),
    path("<uuid:dataset_id>/versions/<int:number>/rows.csv", views.export, name="export"),
    path("<uuid:dataset_id>/versions/<int:number>/refused.csv", views.refused, name="refused"),
]
