"""Settings: own profile and keys, and the people of the team."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from . import actions, queries
from .forms import MemberForm, ProfileForm, RoleForm, TokenForm
from .models import Role
from .permissions import allows, needs
from .request import TeamRequest


@require_GET
def settings(request: TeamRequest) -> HttpResponse:
    return _page(request)


@require_POST
def save_profile(request: TeamRequest) -> HttpResponse:
    form = ProfileForm(request.POST, instance=request.user)
    if not form.is_valid():
        return _page(request, status=422, profile=form)
    form.save()
    messages.success(request, "Saved.")
    return redirect("team:settings")


@require_POST
@needs(Role.MEMBER)
def make_token(request: TeamRequest) -> HttpResponse:
    """Shows the new key in this one answer; a reload cannot show it again."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, token=form)
    text = actions.make_token(request.team, request.user, form.cleaned_data["name"])
    return _page(request, new_token=text)


@require_POST
def revoke_token(request: TeamRequest, token_id: uuid.UUID) -> HttpResponse:
    token = get_object_or_404(queries.tokens(request.team, request.user), pk=token_id)
    actions.revoke_token(token)
    messages.success(request, f"The key “{token.name}” no longer works.")
    return redirect("team:settings")


@require_POST
@needs(Role.ADMIN)
def add_member(request: TeamRequest) -> HttpResponse:
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, status=422, member=form)
    email = form.cleaned_data["email"]
    try:
        password = actions.add_member(request.team, email, form.cleaned_data["role"])
    except actions.TeamRefused as e:
        form.add_error("email", str(e))
        return _page(request, status=422, member=form)
    if password:
        return _page(request, new_member={"email": email, "password": password})
    messages.success(request, f"{email} is now on the team.")
    return redirect("team:settings")


@require_POST
@needs(Role.ADMIN)
def change_member(request: TeamRequest, membership_id: int) -> HttpResponse:
    membership = get_object_or_404(queries.members(request.team), pk=membership_id)
    form = RoleForm(request.POST)
    if "password" in request.POST and membership.user != request.user:
        return _page(request, new_member={"email": membership.user.email, "password": actions.new_password(membership)})
    try:
        if "remove" in request.POST:
            actions.remove_member(membership)
            messages.success(request, f"{membership.user.email} is no longer on the team.")
        elif form.is_valid():
            actions.change_role(membership, form.cleaned_data["role"])
            messages.success(
                request, f"{membership.user.email} is now {Role(form.cleaned_data['role']).label.lower()}."
            )
    except actions.TeamRefused as e:
        messages.error(request, str(e))
    return redirect("team:settings")


def _page(request: TeamRequest, status: int = 200, **extra: object) -> HttpResponse:
    context = {
        "profile": ProfileForm(instance=request.user),
        "token": TokenForm(),
        "member": MemberForm(),
        "tokens": queries.tokens(request.team, request.user),
        "members": queries.members(request.team),
        "is_admin": allows(request.role, Role.ADMIN),
        "can_write": allows(request.role, Role.MEMBER),
        "roles": Role.choices,
        **extra,
    }
    return render(request, "team/settings.html", context, status=status)
