"""Every address of the workbench."""

from django.urls import include, path

urlpatterns = [
    path("", include("workbench.home.urls")),
    path("account/", include("workbench.team.account_urls")),
    path("team/", include("workbench.team.urls")),
    path("studio/", include("workbench.studio.urls")),
    path("runs/", include("workbench.runs.urls")),
    path("sweeps/", include("workbench.sweeps.urls")),
    path("adapters/", include("workbench.adapters.urls")),
    path("models/", include("workbench.library.urls")),
    path("endpoints/", include("workbench.endpoints.urls")),
    path("datasets/", include("workbench.datasets.urls")),
    path("review/", include("workbench.review.urls")),
    path("help/", include("workbench.help.urls")),
    path("api/v1/", include("workbench.api.urls")),
]

handler500 = "workbench.home.views.broken"
