"""Pages of an account. Of allauth's only those that are of use here: nobody is sent e-mail, so there is no reset by link."""

from allauth.account import views as allauth
from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [
    path("login/", allauth.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("signup/", allauth.signup, name="account_signup"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("password/change/", allauth.password_change, name="account_change_password"),
    path(
        "password/reset/",
        TemplateView.as_view(template_name="account/password_reset.html"),
        name="account_reset_password",
    ),
    path("reauthenticate/", allauth.reauthenticate, name="account_reauthenticate"),
]
