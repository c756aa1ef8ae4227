"""Sections of the settings that stand by themselves; ``idp.settings`` puts them together."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from idp.durations import Duration


class Section(BaseModel):
    """Settings that belong together, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignInSettings(Section):
    """What signing in takes."""

    second_factor: Literal["allowed", "required"] = Field(
        "allowed",
        description="`allowed`: whoever has a second factor is asked for it; `required`: everybody must have one, and "
        "sets it up at the next sign-in. Groups and apps may require one by themselves.",
    )
    remember: Annotated[Duration, Field(le=timedelta(days=365))] = Field(
        timedelta(days=30),
        description="For this long a browser can be left out from asking for the second factor; 0 turns that off.",
    )
    email_code: bool = Field(
        True, description="Whether a code sent to the verified email address can be a second factor."
    )


class PasskeySettings(Section):
    """Signing in with a passkey."""

    user_verification: Literal["required", "preferred"] = Field(
        "required",
        description="Whether a passkey that signs somebody in alone must have checked who holds it (fingerprint, face, "
        "screen lock, PIN). Where it need not, one that did not proves possession and nothing more.",
    )
    related_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Other origins that may use the passkeys of this one, listed at `/.well-known/webauthn`, for "
        "example `https://id.example.org`; sign-ins here are believed from this server's own pages alone.",
    )

    @field_validator("related_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        if isinstance(items, list | tuple):
            for item in items:
                parts = urlsplit(str(item))
                if parts.scheme != "https" or not parts.hostname or f"https://{parts.netloc}" != item:
                    message = f"{item} is not an origin such as https://id.example.org"
                    raise ValueError(message)
            return tuple(items)
        return items
