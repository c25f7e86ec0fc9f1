"""What forms of all pages share."""

from __future__ import annotations

from typing import Any

from django import forms


class Styled(forms.BaseForm):
    """Widgets with Tabler's classes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
