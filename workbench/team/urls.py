from django.urls import path

from . import views

app_name = "team"
urlpatterns = [
    path("settings/", views.settings, name="settings"),
    path("profile/", views.save_profile, name="profile"),
    path("tokens/", views.make_token, name="make_token"),
    path("tokens/<uuid:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("members/", views.add_member, name="add_member"),
    path("members/<int:membership_id>/", views.change_member, name="change_member"),
]
