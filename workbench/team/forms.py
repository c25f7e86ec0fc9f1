"""Forms of the settings page; their output is domain values."""

from __future__ import annotations

from django import forms

from workbench.home.forms import Styled

from .models import Role, User


class ProfileForm(Styled, forms.ModelForm):
    class Meta:
        model = User
        fields = ["first_name", "last_name", "theme"]
        labels = {"first_name": "First name", "last_name": "Last name", "theme": "Theme"}


class MemberForm(Styled, forms.Form):
    email = forms.EmailField(max_length=254, label="E-mail")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER, label="Role")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class TokenForm(Styled, forms.Form):
    name = forms.CharField(
        max_length=80, label="What is it for?", help_text="A name you will recognise later, such as: nightly script."
    )
