"""Every setting, its unit and its default.

A setting is read from the environment (``IDP_ISSUER``; ``__`` for nesting: ``IDP_TOKENS__ACCESS``), for a secret also
from the file that ``<NAME>_FILE`` names, then from ``idp.toml`` (same names in lower case, without the prefix). A name
that no setting has, or a value that does not fit, stops the start with every fault named at once.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from idp.durations import Duration, Positive
from idp.mail_settings import MailSettings
from idp.setting_sections import PasskeySettings, SignInSettings
from idp.sign_up_settings import InvitationSettings, SignUpSettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

PREFIX = "IDP_"
SECRET_SETTINGS = frozenset({"master_key", "other_master_key", "database_url", "redis_url", "mail__password"})


class SettingsError(Exception):
    """The settings cannot be used; ``faults`` names every reason, one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionSettings(_Section):
    """How long a browser session lives."""

    idle: Annotated[Positive, Field(le=timedelta(days=30))] = Field(
        timedelta(hours=8), description="A session unused for this long ends (at most 30 d)."
    )
    max: Annotated[Positive, Field(le=timedelta(days=30))] = Field(
        timedelta(hours=24), description="A session ends this long after sign-in, however used (at most 30 d)."
    )
    reauth: Positive = Field(
        timedelta(minutes=5), description="Actions that matter ask for a sign-in no older than this."
    )


class TokenSettings(_Section):
    """Lifetimes of what is issued; apps keep those that their tokens have had until that is agreed to."""

    code: Annotated[Positive, Field(le=timedelta(seconds=60))] = Field(
        timedelta(seconds=60), description="Authorization code (at most 60 s)."
    )
    access: Positive = Field(timedelta(minutes=5), description="Access token (an app keeps its own: `idp contracts`).")
    id: Positive = Field(timedelta(hours=1), description="ID token (an app keeps its own: `idp contracts`).")
    redirect_jwt: Annotated[Positive, Field(le=timedelta(seconds=120))] = Field(
        timedelta(seconds=60), description="JWT of the plain JWT redirect (at most 120 s; an app keeps its own)."
    )
    refresh_idle: Positive = Field(timedelta(days=30), description="A refresh token unused for this long ends.")
    refresh_max: Positive = Field(
        timedelta(days=90), description="A refresh token family ends this long after consent."
    )
    refresh_grace: Annotated[Duration, Field(le=timedelta(minutes=5))] = Field(
        timedelta(seconds=10),
        description="For this long a rotated refresh token still gets the same successor; 0 turns that off.",
    )
    api_access: Positive = Field(timedelta(minutes=5), description="Access token of the token API; apps keep theirs.")
    api_refresh: Positive = Field(
        timedelta(hours=24), description="Refresh token of the token API; each rotation begins this anew."
    )


class KeySettings(_Section):
    """A signing key's life."""

    rotate_every: Positive = Field(timedelta(days=90), description="A new signing key becomes active this often.")
    publish_ahead: Positive = Field(timedelta(days=14), description="The next key is published this long ahead.")
    keep: Positive = Field(timedelta(days=7), description="A key stays published this long after its last signature.")
    jwks_max_age: Positive = Field(timedelta(seconds=300), description="How long verifiers may cache the key set.")


class LogSettings(_Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least severe line written.")
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto`: text on a terminal, else JSON lines.")


class OutboundSettings(_Section):
    """Requests that this server sends by itself, to addresses that clients registered."""

    allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Networks (CIDR) beside the public internet that may be reached, for example `10.0.0.0/8`; "
        "loopback addresses among them also by plain http.",
    )
    ca_file: FilePath | None = Field(None, description="A PEM file of further certificate authorities to trust.")

    @field_validator("allow", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return _read_networks(value)


class RegistrationSettings(_Section):
    """Apps that register themselves (RFC 7591)."""

    mode: Literal["off", "token", "open"] = Field(
        "off",
        description="`off`: administrators alone register apps; `token`: whoever has an initial access token may; "
        "`open`: anybody may.",
    )
    quota: Annotated[int, Field(ge=1, le=100_000)] = Field(
        50, description="Apps that one initial access token, and one network address, may register a day."
    )
    keep_unused: Positive = Field(
        timedelta(days=30),
        description="An app that registered without a token and was never used is deleted after this long.",
    )
    software_statement_keys: FilePath | None = Field(
        None,
        description="A JWK set (a file) of those whose software statements are believed; empty: none are.",
    )


def _read_networks(value: object) -> object:
    items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
    if isinstance(items, list | tuple):
        for item in items:
            ipaddress.ip_network(str(item), strict=False)
        return tuple(items)
    return items


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """The settings of one installation, immutable once read; made directly it takes nothing from the outside."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the interface of pydantic-settings
        *sources: PydanticBaseSettingsSource,  # noqa: ARG003 - the interface of pydantic-settings
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given in code alone."""
        return (named["init_settings"],)

    issuer: str = Field(
        "http://localhost:8000",
        description="The address of this server as browsers see it: one origin, no path, no trailing slash. "
        "https, or http on localhost. It is in every token: choose it once.",
    )
    data_dir: Path = Field(Path("data"), description="Where the database, the master key and demo data live.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite at `<data_dir>/idp.db`.")
    sqlite_synchronous: Literal["normal", "full"] = Field(
        "normal",
        description="`normal` survives a killed process; `full` also a power cut, at about 10 ms per write.",
    )
    redis_url: str = Field("", description="Redis for background work and rate limits; empty: the database does both.")
    master_key: SecretStr = Field(
        SecretStr(""),
        description="32 random bytes in base64url that encrypt keys at rest; empty: `<data_dir>/master.key`.",
    )
    other_master_key: SecretStr = Field(
        SecretStr(""),
        description="A second master key that is read with, and never written with, while one replaces the other "
        "(`idp keys rewrap`).",
    )
    listen: str = Field("127.0.0.1:8000", description="Address and port that the server binds.")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(2, description="Server processes.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Networks (CIDR) whose `X-Forwarded-For` is believed; empty: none."
    )
    client_certificate_header: str = Field(
        "",
        description="The header in which a trusted proxy hands on the certificate of a TLS client, for example "
        "`Client-Cert`; switches `tls_client_auth` and `self_signed_tls_client_auth` on. Empty: off.",
    )
    site_name: Annotated[str, Field(min_length=1, max_length=80)] = Field(
        "Doorward", description="The name that people see on pages."
    )
    geoip_db: FilePath | None = Field(
        None,
        description="A MaxMind file (`.mmdb`, town or country) that names places on people's own pages. Needs the "
        "extra `geoip`; nothing is downloaded. Empty: no places.",
    )
    account_deletion: Literal["off", "ask", "self"] = Field(
        "ask",
        description="Whether people may have their own account deleted. `off`: only administrators delete accounts; "
        "`ask`: people can ask for it, and an administrator decides; `self`: people delete it themselves.",
    )
    session: SessionSettings = SessionSettings()
    sign_in: SignInSettings = SignInSettings()
    passkeys: PasskeySettings = PasskeySettings()
    tokens: TokenSettings = TokenSettings()
    keys: KeySettings = KeySettings()
    log: LogSettings = LogSettings()
    outbound: OutboundSettings = OutboundSettings()
    registration: RegistrationSettings = RegistrationSettings()
    sign_up: SignUpSettings = SignUpSettings()
    invitations: InvitationSettings = InvitationSettings()
    mail: MailSettings = MailSettings()

    @field_validator("issuer")
    @classmethod
    def _one_origin(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError as error:
            message = "is not an address"
            raise ValueError(message) from error
        host = parts.hostname or ""
        if parts.scheme not in {"https", "http"} or not host:
            message = "must be an absolute https address such as https://id.example.com"
            raise ValueError(message)
        if parts.scheme == "http" and not _is_loopback(host):
            message = "must begin with https:// (http only on localhost, *.localhost or a loopback address)"
            raise ValueError(message)
        if port == (443 if parts.scheme == "https" else 80):
            # Browsers leave it out of the Origin, and apps compare the issuer letter by letter.
            message = "must leave out the port that the scheme implies"
            raise ValueError(message)
        shown = f"[{host}]" if ":" in host else host
        if value != f"{parts.scheme}://{shown}{f':{port}' if port else ''}":
            message = "must be an origin alone: scheme, host and port in lower case, with no path, slash, query or name"
            raise ValueError(message)
        return value

    @field_validator("listen")
    @classmethod
    def _address_and_port(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 <= int(port) <= 65535:  # noqa: PLR2004 - ports are 16 bits
            message = "must be address:port, for example 127.0.0.1:8000"
            raise ValueError(message)
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return _read_networks(value)

    @field_validator("client_certificate_header")
    @classmethod
    def _header_of_a_proxy(cls, value: str, info: ValidationInfo) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
            message = "must be the name of a header: letters, digits and dashes"
            raise ValueError(message)
        if value and not info.data.get("trusted_proxies"):
            message = "needs IDP_TRUSTED_PROXIES: only a proxy named there is believed"
            raise ValueError(message)
        return value

    @property
    def is_secure(self) -> bool:
        """Tell whether browsers reach this server by https."""
        return self.issuer.startswith("https://")

    @property
    def effective_database_url(self) -> str:
        """Return the SQLAlchemy URL of the database in use."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'idp.db').absolute()}"


def load() -> Settings:
    """Read the settings from the environment, secret files and ``idp.toml`` (or the file that ``IDP_CONFIG`` names).

    Raises:
        SettingsError: with every fault, each as one sentence that names the setting.

    """
    faults = _unknown_variables()
    try:
        found = _Outside()
    except ValidationError as error:
        faults += [_sentence(fault) for fault in error.errors(include_url=False)]
        # An unknown name inside a section is found by both.
        raise SettingsError(list(dict.fromkeys(faults))) from None
    except (OSError, ValueError) as error:
        # A file that cannot be read or parsed; its message names the file, never a secret's value.
        raise SettingsError([*faults, f"{error}."]) from None
    if faults:
        raise SettingsError(faults)
    return Settings(**{name: getattr(found, name) for name in Settings.model_fields})


def variable_names() -> list[str]:
    """Return the environment variable of every setting, in order of the reference page."""
    names = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            inner = field.annotation.model_fields
            names += [f"{PREFIX}{name}__{one.alias or own}".upper() for own, one in inner.items()]
        else:
            names.append(f"{PREFIX}{name}".upper())
    return names


class _SecretFiles(PydanticBaseSettingsSource):
    """``IDP_MASTER_KEY_FILE=/run/secrets/key`` reads the secret from that file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the interface of pydantic-settings
        name = f"{PREFIX}{field_name}_file".upper()
        path = os.environ.get(name)
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            message = f"{name}: the file {path} cannot be read ({type(error).__name__})"
            raise OSError(message) from None

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in sorted(SECRET_SETTINGS):
            section, _, inner = name.rpartition("__")
            value = self.get_field_value(self.settings_cls.model_fields[section or inner], name)[0]
            if value is not None:
                (found.setdefault(section, {}) if section else found)[inner] = value
        return found


class _Outside(Settings):
    """The settings as the outside gives them: environment, then secret files, then ``idp.toml``."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *sources: PydanticBaseSettingsSource,  # noqa: ARG003 - the interface of pydantic-settings
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = Path(os.environ.get("IDP_CONFIG", "idp.toml"))
        return (named["env_settings"], _SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls, path))


def _unknown_variables() -> list[str]:
    known = {*variable_names(), "IDP_CONFIG", *(f"{PREFIX}{name}_file".upper() for name in SECRET_SETTINGS)}
    return [_unknown(name) for name in sorted(os.environ) if name.startswith(PREFIX) and name not in known]


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, variable_names(), 1)
    return f"{name}: no setting has this name{f'; did you mean {close[0]}?' if close else '.'}"


def _sentence(fault: ErrorDetails) -> str:
    name = PREFIX + "__".join(str(part) for part in fault["loc"]).upper()
    if fault["type"] == "extra_forbidden":
        return _unknown(name)
    # The value itself is left out on purpose: it may be a secret.
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}."
