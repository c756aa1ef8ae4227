"""How people come to an account: what of it is a setting."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from idp.durations import Positive


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignUpSettings(_Section):
    """People who make an account themselves."""

    mode: Literal["invite", "domains", "open"] = Field(
        "invite",
        description="`invite`: accounts are by invitation; `domains`: whoever has an address at one of `domains` may "
        "make one; `open`: anybody may.",
    )
    domains: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="The domains of `domains`, such as `example.com, example.org`; subdomains are others."
    )
    groups: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="The names of the groups that whoever made an account themselves becomes a member of."
    )
    link_lifetime: Positive = Field(
        timedelta(hours=24), description="How long the link works that is mailed to see whose an address is."
    )

    @field_validator("domains", "groups", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(_items(value)) if isinstance(value, str | list | tuple) else value

    @field_validator("domains")
    @classmethod
    def _domains(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("mode") == "domains" and not value:
            message = "must name a domain, since IDP_SIGN_UP__MODE is domains"
            raise ValueError(message)
        if any("@" in domain or "." not in domain.strip(".") for domain in value):
            message = "must be domains alone, such as example.com"
            raise ValueError(message)
        return tuple(domain.casefold() for domain in value)


class InvitationSettings(_Section):
    """Invitations that administrators make."""

    lifetime: Positive = Field(timedelta(days=7), description="How long the link of an invitation works.")


def _items(value: str | list[object] | tuple[object, ...]) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value
    return [item for part in parts if (item := str(part).strip())]
