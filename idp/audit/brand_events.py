"""What is audited of the brand."""

from __future__ import annotations

from idp.audit.declared import Change, Event


class BrandChanged(Event, type="brand.changed", title="Changed the look of the site", about="settings"):
    """The name, the colour, the text or a link was changed."""

    changes: tuple[Change, ...] = ()


class BrandLogoChanged(Event, type="brand.logo_changed", title="Changed the logo", about="settings"):
    """A logo was put in its place, or taken away."""

    # light or dark
    place: str = ""
    # Empty: taken away.
    media_type: str = ""
    size: int = 0
