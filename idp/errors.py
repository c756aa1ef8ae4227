"""Every refusal of the product, as one tree.

Raise the closest class; nobody but the two renderers (OAuth JSON or redirect, and a page) catches.

    IdpError                              500 server_error
    ├── ProtocolError                         answered as JSON or, once redirect_uri is proven, by redirect
    │   ├── InvalidRequest                400 invalid_request
    │   ├── InvalidClient                 401 invalid_client
    │   ├── InvalidGrant                  400 invalid_grant
    │   │   ├── AuthorizationCodeReplayed
    │   │   └── RefreshTokenReplayed
    │   ├── UnauthorizedClient            400 unauthorized_client
    │   ├── UnsupportedGrantType          400 unsupported_grant_type
    │   ├── UnsupportedResponseType       400 unsupported_response_type
    │   ├── UnsupportedTokenType          400 unsupported_token_type
    │   ├── InvalidScope                  400 invalid_scope
    │   ├── InvalidTarget                 400 invalid_target
    │   ├── InvalidToken                  401 invalid_token
    │   ├── InsufficientScope             403 insufficient_scope
    │   ├── InvalidClientMetadata         400 invalid_client_metadata
    │   ├── InvalidSoftwareStatement      400 invalid_software_statement
    │   ├── UnapprovedSoftwareStatement   400 unapproved_software_statement
    │   ├── AccessDenied                  403 access_denied
    │   ├── InteractionRequired           400 interaction_required
    │   │   ├── LoginRequired             400 login_required
    │   │   ├── ConsentRequired           400 consent_required
    │   │   └── AccountSelectionRequired  400 account_selection_required
    │   ├── UnmetAuthenticationRequirements 400 unmet_authentication_requirements
    │   ├── RequestNotSupported           400 request_not_supported
    │   ├── RequestUriNotSupported        400 request_uri_not_supported
    │   ├── InvalidRequestObject          400 invalid_request_object
    │   ├── InvalidRequestUri             400 invalid_request_uri
    │   ├── RegistrationNotSupported      400 registration_not_supported
    │   ├── TemporarilyUnavailable        503 temporarily_unavailable
    │   └── ServerError                   500 server_error
    ├── PageError                             a page, never a redirect
    │   ├── InvalidRedirectUri            400 invalid_redirect_uri
    │   ├── UnknownClient                 400 invalid_client
    │   ├── DisabledClient                403 unauthorized_client
    │   ├── InteractionExpired            410 interaction_expired
    │   ├── InteractionForeign            403 interaction_foreign
    │   ├── Forbidden                     403 access_denied
    │   ├── NotFound                      404 not_found
    │   ├── Conflict                      409 conflict
    │   └── FieldErrors                   400 invalid_request      one sentence a form field
    └── Overloaded                        503 temporarily_unavailable, with Retry-After
        ├── HashingBusy                   503 temporarily_unavailable
        └── TooManyAttempts               429 slow_down
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from idp.diagnosis.reason import Reason

_NOTHING: Mapping[str, str] = MappingProxyType({})
_TYPOGRAPHY = str.maketrans({"’": "'", "“": "'", "”": "'", "–": "-", "…": "...", '"': "'", "\\": "/"})


class IdpError(Exception):
    """A refusal with a text for the other side and one for the log.

    `public` may reach a client or a person; `detail` only the log. `reason` names the entry of the catalogue, `facts`
    the values that the explained page may show (names from the allow-list of `idp.diagnosis`, never a secret).
    """

    oauth_error: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        public: str,
        *,
        detail: str = "",
        reason: Reason | None = None,
        facts: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail
        self.reason = reason
        self.facts = facts
        self.retry_after: int | None = None

    @property
    def error_description(self) -> str:
        """The public text in the characters that error_description may hold (RFC 6749 section 5.2)."""
        plain = self.public.translate(_TYPOGRAPHY)
        return "".join(letter if " " <= letter <= "~" else "?" for letter in plain)


class ProtocolError(IdpError):
    """Answered in the words of the protocol: JSON, or a redirect once the redirect URI is proven."""

    oauth_error = "invalid_request"
    status = 400


class InvalidRequest(ProtocolError):
    """A parameter is missing, malformed, repeated or in conflict with another."""


class InvalidClient(ProtocolError):
    """The client did not prove who it is."""

    oauth_error = "invalid_client"
    status = 401


class InvalidGrant(ProtocolError):
    """A code or refresh token is unknown, expired, revoked or somebody else's."""

    oauth_error = "invalid_grant"


class AuthorizationCodeReplayed(InvalidGrant):
    """A redeemed code came back; what was issued from it is revoked (RFC 6749 section 4.1.2)."""


class RefreshTokenReplayed(InvalidGrant):
    """A rotated refresh token came back; its family is revoked (RFC 9700 section 4.14.2)."""


class UnauthorizedClient(ProtocolError):
    """The client is known, and may not do this."""

    oauth_error = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """No grant of this name is served."""

    oauth_error = "unsupported_grant_type"


class UnsupportedResponseType(ProtocolError):
    """No response type of this name is served, or not to this client."""

    oauth_error = "unsupported_response_type"


class UnsupportedTokenType(ProtocolError):
    """Tokens of this kind cannot be revoked (RFC 7009 section 2.2.1)."""

    oauth_error = "unsupported_token_type"


class InvalidScope(ProtocolError):
    """The scope is malformed, or nothing in it is allowed."""

    oauth_error = "invalid_scope"


class InvalidTarget(ProtocolError):
    """A resource is malformed or not the client's to ask for (RFC 8707 section 2)."""

    oauth_error = "invalid_target"


class InvalidToken(ProtocolError):
    """A token is malformed, expired, revoked or of another kind (RFC 6750 section 3.1)."""

    oauth_error = "invalid_token"
    status = 401


class InsufficientScope(ProtocolError):
    """The token is good, and its scope does not cover this (RFC 6750 section 3.1)."""

    oauth_error = "insufficient_scope"
    status = 403


class InvalidClientMetadata(ProtocolError):
    """A client's metadata cannot be registered (RFC 7591 section 3.2.2)."""

    oauth_error = "invalid_client_metadata"


class InvalidSoftwareStatement(ProtocolError):
    """A software statement cannot be read, or is out of its time (RFC 7591 section 3.2.2)."""

    oauth_error = "invalid_software_statement"


class UnapprovedSoftwareStatement(ProtocolError):
    """A software statement was signed by nobody who is trusted here (RFC 7591 section 3.2.2)."""

    oauth_error = "unapproved_software_statement"


class AccessDenied(ProtocolError):
    """The person, or a rule about the person, said no."""

    oauth_error = "access_denied"
    status = 403


class InteractionRequired(ProtocolError):
    """`prompt=none` was asked for, and a page would have to be shown (OpenID Connect Core section 3.1.2.6)."""

    oauth_error = "interaction_required"


class LoginRequired(InteractionRequired):
    """`prompt=none` was asked for, and nobody, or somebody else, is signed in recently enough."""

    oauth_error = "login_required"


class ConsentRequired(InteractionRequired):
    """`prompt=none` was asked for, and the person has not allowed all of this yet."""

    oauth_error = "consent_required"


class AccountSelectionRequired(InteractionRequired):
    """`prompt=none` was asked for, and the person would have to choose an account."""

    oauth_error = "account_selection_required"


class UnmetAuthenticationRequirements(ProtocolError):
    """No sign-in here reaches what the request calls essential (OpenID Connect Core Error Code of that name)."""

    oauth_error = "unmet_authentication_requirements"


class RequestNotSupported(ProtocolError):
    """The `request` parameter is not served."""

    oauth_error = "request_not_supported"


class RequestUriNotSupported(ProtocolError):
    """The `request_uri` parameter is not served."""

    oauth_error = "request_uri_not_supported"


class InvalidRequestObject(ProtocolError):
    """A request object does not verify, or says what it may not say (RFC 9101 section 7)."""

    oauth_error = "invalid_request_object"


class InvalidRequestUri(ProtocolError):
    """A request_uri is not the client's, or what it leads to could not be fetched (RFC 9101 section 7)."""

    oauth_error = "invalid_request_uri"


class RegistrationNotSupported(ProtocolError):
    """The `registration` parameter is not served."""

    oauth_error = "registration_not_supported"


class TemporarilyUnavailable(ProtocolError):
    """Something that is needed is away for the moment; the same request may succeed later."""

    oauth_error = "temporarily_unavailable"
    status = 503


class ServerError(ProtocolError):
    """A fault of ours, in words that tell nothing of it."""

    oauth_error = "server_error"
    status = 500


class PageError(IdpError):
    """Shown as a page where it happened; never carried to another address by redirect."""

    oauth_error = "invalid_request"
    status = 400


class InvalidRedirectUri(PageError):
    """The redirect URI is not proven to be the client's, so nothing may be sent there."""

    oauth_error = "invalid_redirect_uri"


class UnknownClient(PageError):
    """No client has this client_id."""

    oauth_error = "invalid_client"


class DisabledClient(PageError):
    """The client is switched off."""

    oauth_error = "unauthorized_client"
    status = 403


class InteractionExpired(PageError):
    """The pending request is gone or has run out."""

    oauth_error = "interaction_expired"
    status = 410


class InteractionForeign(PageError):
    """The pending request was started in another browser."""

    oauth_error = "interaction_foreign"
    status = 403


class Forbidden(PageError):
    """The person is known, and may not do this."""

    oauth_error = "access_denied"
    status = 403


class NotFound(PageError):
    """There is nothing here, or nothing this person may know of."""

    oauth_error = "not_found"
    status = 404


class Conflict(PageError):
    """The thing was changed meanwhile, or exists already."""

    oauth_error = "conflict"
    status = 409


class FieldErrors(PageError):
    """Fields of a form or document that need another value: `fields` maps each field's name to one sentence."""

    def __init__(self, fields: Mapping[str, str], *, detail: str = "") -> None:
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in fields.items()), detail=detail)
        self.fields: Mapping[str, str] = MappingProxyType(dict(fields))


class Overloaded(IdpError):
    """Not now: `retry_after` says in how many whole seconds."""

    oauth_error = "temporarily_unavailable"
    status = 503

    def __init__(self, public: str, *, retry_after: int, detail: str = "", reason: Reason | None = None) -> None:
        super().__init__(public, detail=detail, reason=reason)
        self.retry_after = max(1, retry_after)


class HashingBusy(Overloaded):
    """All places for password hashing stayed taken for as long as a sign-in waits."""


class TooManyAttempts(Overloaded):
    """Too many failures from here, for this account or with this client's secret."""

    oauth_error = "slow_down"
    status = 429
