"""What is audited: one frozen class per event.

A field of an event class is what the log may hold about it, and nothing else: the class is the allow-list. No field is
ever a secret, a code, a token or a password. ``TYPES`` finds a class by its dotted, past-tense name.
"""

from __future__ import annotations

from idp.audit import (  # noqa: F401 - so that TYPES knows theirs
    account_events,
    brand_events,
    contract_events,
    factor_events,
    invitation_events,
    mail_events,
    passkey_events,
    recovery_events,
)
from idp.audit.declared import ABOUT, DONE, REFUSED, TYPES, Change, Event, one_line

__all__ = ("ABOUT", "DONE", "REFUSED", "TYPES", "Change", "Event", "one_line")

# Signing in and out.


class PersonSignedIn(Event, type="person.signed_in", title="Signed in", about="sign-ins"):
    """A person signed in in a browser."""

    amr: tuple[str, ...] = ()
    session_id: str = ""
    client_id: str = ""
    device: str = ""
    new_device: bool | None = None


class PersonSignInFailed(
    Event, type="person.sign_in_failed", title="Failed to sign in", about="sign-ins", outcome=REFUSED
):
    """A try to sign in failed; the target is empty when nobody has the name that was typed."""

    # unknown_person, wrong_password, wrong_password_at_change, disabled, wrong_code, used_code, unknown_passkey,
    # wrong_passkey, passkey_counter, passkey_not_verified
    reason: str = ""
    client_id: str = ""
    device: str = ""


class PersonConfirmed(Event, type="person.confirmed", title="Confirmed it was them", about="sign-ins"):
    """A signed-in person signed in once more before an action that matters."""

    amr: tuple[str, ...] = ()
    session_id: str = ""


class PersonSignedOut(Event, type="person.signed_out", title="Signed out", about="sign-ins"):
    """A person signed out of this browser."""

    session_id: str = ""
    # The app that asked for it, when one did.
    client_id: str = ""


class SessionEnded(Event, type="session.ended", title="Signed out a device", about="sign-ins"):
    """A session was ended from another place than its own browser; the target is its person."""

    session_id: str = ""
    reason: str = ""


class SessionsEnded(Event, type="session.all_ended", title="Signed out every device", about="sign-ins"):
    """Sessions of one person were ended together; the target is the person."""

    sessions: int = 0
    grants: int = 0
    kept_current: bool | None = None


class DeliveryFailed(
    Event, type="delivery.failed", title="Could not tell an app of a sign-out", about="sign-ins", outcome=REFUSED
):
    """Something could not be sent to an app, and is not tried again; the target is the client."""

    delivery_id: str = ""
    kind: str = ""
    person_id: str = ""
    attempts: int = 0
    reason: str = ""


class DeliveryRetried(Event, type="delivery.retried", title="Sent something once more", about="sign-ins"):
    """An administrator had a delivery tried again; the target is the client."""

    delivery_id: str = ""
    kind: str = ""


class DeliveryGivenUp(Event, type="delivery.given_up", title="Gave up sending something", about="sign-ins"):
    """An administrator ended the tries of a delivery; the target is the client."""

    delivery_id: str = ""
    kind: str = ""


class ThrottleHit(Event, type="throttle.hit", title="Was slowed down", about="sign-ins", outcome=REFUSED):
    """Too many failures: further tries wait."""

    # account, account_everywhere, device, address or client
    limit: str = ""
    seconds: int | None = None


# People and groups.


class PersonCreated(Event, type="person.created", title="Added a person", about="accounts"):
    """A person was added."""

    username: str = ""
    email: str = ""
    is_admin: bool = False


class PersonChanged(Event, type="person.changed", title="Changed a person", about="accounts"):
    """What is known of a person was changed."""

    changes: tuple[Change, ...] = ()


class PersonDisabled(Event, type="person.disabled", title="Disabled a person", about="accounts"):
    """A person can no longer sign in."""

    sessions: int = 0
    grants: int = 0


class PersonEnabled(Event, type="person.enabled", title="Enabled a person", about="accounts"):
    """A person can sign in again."""


class GroupCreated(Event, type="group.created", title="Added a group", about="accounts"):
    """A group was added."""


class GroupRenamed(Event, type="group.renamed", title="Renamed a group", about="accounts"):
    """A group got another name, and with it another value in the ``groups`` claim."""

    changes: tuple[Change, ...] = ()


class GroupDeleted(Event, type="group.deleted", title="Deleted a group", about="accounts"):
    """A group was deleted."""

    members: int = 0


class GroupMemberAdded(Event, type="group.member_added", title="Added to a group", about="accounts"):
    """A person came into a group; the target is the person."""

    group_id: str = ""
    group: str = ""


class GroupMemberRemoved(Event, type="group.member_removed", title="Removed from a group", about="accounts"):
    """A person left a group; the target is the person."""

    group_id: str = ""
    group: str = ""


# Apps.


class ClientCreated(Event, type="client.created", title="Registered an app", about="apps"):
    """A client was registered."""

    redirect_uris: tuple[str, ...] = ()


class ClientChanged(Event, type="client.changed", title="Changed an app", about="apps"):
    """A client's metadata was changed."""

    changes: tuple[Change, ...] = ()


class ClientDisabled(Event, type="client.disabled", title="Disabled an app", about="apps"):
    """A client can no longer get or use tokens."""


class ClientEnabled(Event, type="client.enabled", title="Enabled an app", about="apps"):
    """A client works again."""


class ClientDeleted(Event, type="client.deleted", title="Deleted an app", about="apps"):
    """A client and everything granted to it was deleted."""

    grants: int = 0
    people: int = 0


class ClientSecretAdded(Event, type="client.secret_added", title="Added an app secret", about="apps"):
    """A client got one more secret; ``secret_id`` is not the secret."""

    secret_id: str = ""


class ClientSecretRemoved(Event, type="client.secret_removed", title="Removed an app secret", about="apps"):
    """A client's secret stopped working; ``secret_id`` is not the secret."""

    secret_id: str = ""


class ClientJwtSecretReplaced(
    Event, type="client.jwt_secret_replaced", title="Replaced an app's JWT secret", about="apps"
):
    """The secret that signs the tokens of the JWT redirect for one client was replaced."""


class ClientJwtSecretAdded(Event, type="client.jwt_secret_added", title="Added a JWT secret", about="apps"):
    """A client of the JWT redirect got a second secret, which did not sign yet."""


class ClientJwtSecretSwitched(
    Event, type="client.jwt_secret_switched", title="Signs with an app's other JWT secret", about="apps"
):
    """The tokens of the JWT redirect for one client were signed with its other secret from then on."""


class ClientJwtSecretRemoved(Event, type="client.jwt_secret_removed", title="Removed a JWT secret", about="apps"):
    """The secret of a client of the JWT redirect that did not sign was ended."""


class InitialAccessTokenMade(
    Event, type="initial_access_token.made", title="Made a token to register apps", about="apps"
):
    """A token was made whose holder may register apps; the target is the token, ``target_id`` is not its value."""

    most_uses: int | None = None
    expires_at: str = ""


class InitialAccessTokenRevoked(
    Event, type="initial_access_token.revoked", title="Revoked a token to register apps", about="apps"
):
    """A token that let its holder register apps was ended."""


# Consent.


class ConsentGranted(Event, type="consent.granted", title="Allowed an app", about="consent"):
    """A person let a client see something; the target is the client."""

    scopes: tuple[str, ...] = ()


class ConsentDenied(Event, type="consent.denied", title="Did not allow an app", about="consent", outcome=REFUSED):
    """A person refused what a client asked for; the target is the client."""

    scopes: tuple[str, ...] = ()


class ConsentRemoved(Event, type="consent.removed", title="Removed an app's access", about="consent"):
    """A person took back what a client was allowed; the target is the client."""

    scopes: tuple[str, ...] = ()
    grants: int = 0


# Tokens.


class CodeReplayed(Event, type="code.replayed", title="Used a code twice", about="tokens", outcome=REFUSED):
    """An authorization code came back; its grant is revoked. The target is the client."""

    grant_id: str = ""
    person_id: str = ""


class RefreshTokenReplayed(
    Event, type="refresh_token.replayed", title="Used an old refresh token", about="tokens", outcome=REFUSED
):
    """A rotated refresh token came back; its grant is revoked. The target is the client."""

    grant_id: str = ""
    person_id: str = ""


class RefreshTokenGraceUsed(
    Event, type="refresh_token.grace_used", title="Repeated a refresh within the grace", about="tokens"
):
    """A refresh token came twice within the grace and got the same successor. The target is the client."""

    grant_id: str = ""
    person_id: str = ""


class TokenRevoked(Event, type="token.revoked", title="Revoked a token", about="tokens"):
    """A client gave a token back; the target is the client."""

    # access_token or refresh_token
    token_type: str = ""
    grant_id: str = ""


class StatementSigned(Event, type="statement.signed", title="Had a statement signed", about="tokens"):
    """A client had its own words signed for another one; the target is the one they are for. They are not kept."""

    jti: str = ""
    # Of the content in bytes, and how long the statement is good.
    size: int = 0
    seconds: int = 0


class GrantRevoked(Event, type="grant.revoked", title="Revoked a grant", about="tokens"):
    """A grant and every token made from it stopped working; the target is the client."""

    grant_id: str = ""
    person_id: str = ""
    reason: str = ""


# Keys. The target is the key, its name the display name.


class KeyCreated(Event, type="key.created", title="Published the next key", about="keys"):
    """A signing key was made and published."""

    alg: str = ""
    state: str = ""


class KeyPromoted(Event, type="key.promoted", title="Made a key sign", about="keys"):
    """A signing key became the active one."""

    alg: str = ""
    predecessor: str = ""


class KeyRetired(Event, type="key.retired", title="Retired a key", about="keys"):
    """A signing key is no longer published."""

    alg: str = ""


class KeyRevoked(Event, type="key.revoked", title="Revoked a key", about="keys"):
    """A signing key was withdrawn at once: what it signed is refused."""

    alg: str = ""
    successor: str = ""


class KeyImported(Event, type="key.imported", title="Imported a key", about="keys"):
    """A key made elsewhere was added."""

    alg: str = ""
    state: str = ""


class KeyExported(Event, type="key.exported", title="Exported public keys", about="keys"):
    """The public part of keys was downloaded by an administrator."""

    kids: tuple[str, ...] = ()


class KeyGiven(Event, type="key.given", title="Gave an app a public key", about="keys"):
    """A public key was handed to an app that does not fetch it."""

    app: str = ""


class KeyTrialBegan(Event, type="key.trial_began", title="Tried the next key with an app", about="keys"):
    """One app is signed for with the next key already."""

    alg: str = ""
    app: str = ""


class KeyTrialEnded(Event, type="key.trial_ended", title="Ended the trial of a key", about="keys"):
    """An app is signed for with the active key again; by itself when its people had to start over."""

    alg: str = ""
    app: str = ""
    by_itself: bool = False


# The installation.


class SetupLinkMade(Event, type="setup.link_made", title="Made a setup link", about="settings"):
    """A one-time link for the first administrator was printed."""


class SetupCompleted(Event, type="setup.completed", title="Finished setup", about="settings"):
    """The first administrator was made; the target is the person."""


class AuditExported(Event, type="audit.exported", title="Exported the audit log", about="settings"):
    """Entries of this log were downloaded."""

    format: str = ""
