"""What a request to sign out leads to (OpenID Connect RP-Initiated Logout)."""

from dataclasses import dataclass
from enum import StrEnum

from idp.diagnosis import reasons
from idp.diagnosis.reason import Reason
from idp.protocol import redirect_uris


class LogoutStep(StrEnum):
    """What happens to the browser's session."""

    # It ends at once: the client has proven that the request comes from where the person signed in.
    SIGN_OUT = "sign_out"
    # The person is asked first; anybody could have sent this request.
    CONFIRM = "confirm"
    # Nobody is signed in, so there is nothing to end or to ask.
    SIGNED_OUT = "signed_out"


@dataclass(frozen=True, slots=True)
class HintFacts:
    """A *verified* id_token_hint, an expired one included: issued here, of the kind ID token, to `client_id`."""

    client_id: str
    subject: str
    sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The request and the browser it came from.

    `hint` is `None` when none was sent and when it did not verify; `hint_sent` tells the two apart. `client_id` is the
    parameter, `registered` the post-logout redirect URIs of the client that hint or parameter name (none when that
    client is unknown or disabled). `subject` and `sid` are those of the browser's session, `sid` as that client knows
    it; `subject` is `None` when nobody is signed in.
    """

    hint: HintFacts | None = None
    hint_sent: bool = False
    client_id: str | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None
    registered: tuple[str, ...] = ()
    is_native: bool = False
    subject: str | None = None
    sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do.

    After the session has ended, or where there is none, `redirect_to` is where the browser goes by itself; `None` means
    the page "You are signed out". `link_to` is an address that page may offer as a link, no more. `reason` explains
    what was wrong with the request, to be shown on the page.
    """

    step: LogoutStep
    client_id: str | None = None
    redirect_to: str | None = None
    link_to: str | None = None
    reason: Reason | None = None


def decide(situation: Situation) -> Decision:
    """Decide what a request to sign out leads to; without proof of the client nobody is signed out or sent anywhere.

    Redirects only where a verified hint names the client (and no other than `client_id`), its person is the one who is
    signed in, and the address is registered for that client character by character.
    """
    fault = _hint_fault(situation)
    proven = situation.hint is not None and fault is None
    client_id = situation.hint.client_id if situation.hint and proven else situation.client_id
    target = _target(situation)
    if fault is None and situation.post_logout_redirect_uri is not None and target is None:
        fault = reasons.POST_LOGOUT_REDIRECT_URI
    # With a contradiction in the request not even a link is offered: which client it is about is open.
    contradicted = fault is reasons.LOGOUT_HINT and situation.hint is not None
    return Decision(
        step=_step(situation, proven=proven),
        client_id=None if contradicted else client_id,
        redirect_to=target if proven else None,
        link_to=None if contradicted else target,
        reason=fault,
    )


def _hint_fault(situation: Situation) -> Reason | None:
    hint = situation.hint
    if hint is None:
        return reasons.LOGOUT_HINT if situation.hint_sent else None
    if situation.client_id not in (None, hint.client_id):
        return reasons.LOGOUT_HINT
    if situation.subject not in (None, hint.subject):
        return reasons.LOGOUT_HINT
    return None


def _step(situation: Situation, *, proven: bool) -> LogoutStep:
    if situation.subject is None:
        return LogoutStep.SIGNED_OUT
    hint = situation.hint
    # A hint from an earlier session of the same person is suspect (RP-Initiated Logout section 4): ask, then go on.
    if not proven or hint is None or hint.sid not in (None, situation.sid):
        return LogoutStep.CONFIRM
    return LogoutStep.SIGN_OUT


def _target(situation: Situation) -> str | None:
    requested = situation.post_logout_redirect_uri
    if requested is None or not any(
        redirect_uris.matches(requested, known, native=situation.is_native) for known in situation.registered
    ):
        return None
    kind = redirect_uris.UriKind.POST_LOGOUT
    application_type = "native" if situation.is_native else "web"
    if redirect_uris.check_registrable(requested, application_type=application_type, kind=kind):
        return None
    pairs = [] if situation.state is None else [("state", situation.state)]
    return redirect_uris.append_parameters(requested, pairs, redirect_uris.ResponseMode.QUERY)
