"""The section of the settings about mail; ``idp.settings`` puts it with the others."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_PORTS = {"starttls": 587, "tls": 465, "off": 25}
_ADDRESS = re.compile(r"(?:(?P<name>[^<>\x00-\x1f\x7f]*)<)?(?P<address>[^<>@\s]+@[^<>@\s]+)(?(name)>)")


class MailSettings(BaseModel):
    """The mail server that sends for this installation; without one every mail waits in the outbox."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    host: str = Field("", description="The mail server (SMTP). Empty: mail is not sent, and waits in the outbox.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="Its port; empty: 587 with `starttls`, 465 with `tls`, 25 with `off`."
    )
    user: str = Field("", description="The name to sign in to it with; empty: without signing in.")
    password: SecretStr = Field(SecretStr(""), description="The password to sign in to it with.")
    sender: str = Field(
        "",
        alias="from",
        description="Who mail is from: `id@example.com` or `Example Corp <id@example.com>`. Needed with a mail server.",
    )
    tls: Literal["starttls", "tls", "off"] = Field(
        "starttls",
        description="`starttls`: the connection is encrypted before anything is said; `tls`: from the first byte; "
        "`off`: never, and then no password is sent but to this machine itself.",
    )
    new_device: bool = Field(
        default=True, description="People get a mail when somebody signs in to their account on a new device."
    )

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value.strip()):
            message = "must be an address, such as id@example.com or Example Corp <id@example.com>"
            raise ValueError(message)
        return value.strip()

    @field_validator("host")
    @classmethod
    def _a_name_alone(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:-]*", value):
            message = "must be the name or the address of a server alone; the port is IDP_MAIL__PORT"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host and not self.sender:
            message = "IDP_MAIL__FROM is needed beside IDP_MAIL__HOST"
            raise ValueError(message)
        if self.user and self.tls == "off" and not _is_here(self.host):
            message = "IDP_MAIL__TLS=off would send the password of IDP_MAIL__USER in clear; use starttls or tls"
            raise ValueError(message)
        return self

    @property
    def is_set_up(self) -> bool:
        """Tell whether there is a server to send mail."""
        return bool(self.host)

    @property
    def effective_port(self) -> int:
        """Return the port to connect to."""
        return self.port or _PORTS[self.tls]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
