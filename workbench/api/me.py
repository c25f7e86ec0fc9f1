"""Who the token belongs to."""

from __future__ import annotations

from typing import Any

from ninja import Router

from workbench.team.request import TeamRequest

from .schemas import Me

router = Router(tags=["me"])


@router.get("/me", response=Me, summary="Who am I")
def me(request: TeamRequest) -> dict[str, Any]:
    return {"email": request.user.email, "team": request.team.name, "team_id": request.team.id, "role": request.role}
