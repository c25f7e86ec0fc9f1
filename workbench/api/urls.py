"""The API: one address per noun, described by /api/v1/openapi.json and shown at /api/v1/docs."""

from django.urls import path
from ninja import NinjaAPI

from . import (
    adapters,
    answers,
    catalog,
    datasets,
    drafts,
    endpoints,
    guidance,
    incoming,
    library,
    making,
    me,
    profiles,
    review,
    runs,
    sweeps,
    transforms,
)
from .auth import Session, Token

api = NinjaAPI(
    title="Distillation Workbench", version="1", urls_namespace="api-1", auth=[Token(), Session()], parser=answers.StrictParser(),
    description="The same actions as the pages. Every error is {code, message, field, hint}.",
)  # fmt: skip
answers.install(api)
for part in (
    me,
    library,
    endpoints,
    datasets,
    profiles,
    incoming,
    catalog,
    runs,
    making,
    drafts,
    guidance,
    adapters,
    sweeps,
    transforms,
    review,
):
    api.add_router("", part.router)

urlpatterns = [path("", api.urls)]
