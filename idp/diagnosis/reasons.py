"""Every way a request fails, as a typed reason: what the person reads, what the developer reads, what to do."""

from idp.diagnosis.reason import Reason
from idp.wording import say

_TELL = say(
    "To keep your account safe we stopped here. Nothing was shared and your account is fine. Whoever runs the app has "
    "to correct this; the details below are for them."
)

UNKNOWN_CLIENT = Reason(
    "unknown_client",
    say("We do not know this app"),
    _TELL,
    "No client is registered under the client_id that was sent.",
    "Compare client_id with the one shown on the client's page; letters are compared exactly.",
    lambda app: say("We do not know %(app)s", app=app),
)
DISABLED_CLIENT = Reason(
    "disabled_client",
    say("This app is switched off"),
    say("An administrator has switched sign-in for this app off. Your account is fine."),
    "The client is registered, and disabled.",
    "Ask an administrator to enable the client.",
    lambda app: say("%(app)s is switched off", app=app),
)
REDIRECT_URI_MISMATCH = Reason(
    "redirect_uri_mismatch",
    say("This app asked us to send you somewhere we do not recognise"),
    _TELL,
    "The redirect URI that was sent is not registered for this client.",
    "Send a registered redirect URI character by character, or register this one. Case, slashes and queries count.",
    lambda app: say("%(app)s asked us to send you somewhere we do not recognise", app=app),
)
REDIRECT_URI_MISSING = Reason(
    "redirect_uri_missing",
    say("This app did not say where to send you"),
    _TELL,
    "The request has no redirect URI; OpenID Connect always requires one.",
    "Send redirect_uri with a registered value.",
    lambda app: say("%(app)s did not say where to send you", app=app),
)
REDIRECT_URI_DUPLICATE = Reason(
    "redirect_uri_duplicate",
    say("This app named two places to send you"),
    _TELL,
    "The request carries the redirect URI (or the client_id) more than once.",
    "Send redirect_uri and client_id exactly once each.",
    lambda app: say("%(app)s named two places to send you", app=app),
)
REDIRECT_URI_SCHEME = Reason(
    "redirect_uri_scheme",
    say("This app asked us to send you to an address that is not safe"),
    _TELL,
    "The redirect URI has a scheme or a form that is never allowed, registered or not.",
    "Use https. http is for loopback and *.localhost only; schemes like com.example.app for native clients only.",
    lambda app: say("%(app)s asked us to send you to an address that is not safe", app=app),
)
PKCE_MISSING = Reason(
    "pkce_missing",
    say("This app's request is incomplete"),
    _TELL,
    "This client must use PKCE, and the request has no code_challenge.",
    "Send code_challenge and code_challenge_method=S256; every current library has a switch for it.",
    lambda app: say("%(app)s's request is incomplete", app=app),
)
PKCE_INVALID = Reason(
    "pkce_invalid",
    say("This app's request is malformed"),
    _TELL,
    "PKCE must be S256 with a challenge of 43 base64url characters; plain, a missing or unknown method is refused.",
    "Send code_challenge_method=S256 and the unpadded base64url SHA-256 of the verifier.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
RESPONSE_TYPE = Reason(
    "unsupported_response_type",
    say("This app asked for a kind of answer we do not give"),
    _TELL,
    "The response_type is missing, unknown or not registered for this client.",
    "Use response_type=code, or register the other one (response_types, with the grant type implicit).",
    lambda app: say("%(app)s asked for a kind of answer we do not give", app=app),
)
RESPONSE_MODE = Reason(
    "unsupported_response_mode",
    say("This app asked for its answer in a way we do not support"),
    _TELL,
    "The response_mode is unknown, or is query for a response_type that brings a token.",
    "Use query, fragment, form_post or one of them with .jwt, or leave response_mode out. Tokens never go by query.",
    lambda app: say("%(app)s asked for its answer in a way we do not support", app=app),
)
SCOPE = Reason(
    "invalid_scope",
    say("This app asked for something it may not have"),
    _TELL,
    "The scope is malformed, too long, or nothing in it is allowed for this client.",
    "Ask for openid and scopes that are registered for the client, separated by single spaces.",
    lambda app: say("%(app)s asked for something it may not have", app=app),
)
PROMPT = Reason(
    "invalid_prompt",
    say("This app's request is malformed"),
    _TELL,
    "prompt has an unknown value, or combines none with another value.",
    "Use none alone, or any of login, consent and select_account.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
MAX_AGE = Reason(
    "invalid_max_age",
    say("This app's request is malformed"),
    _TELL,
    "max_age is not a whole number of seconds, zero or more.",
    "Send max_age as decimal digits, or leave it out.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
NONCE_MISSING = Reason(
    "nonce_missing",
    say("This app's request is incomplete"),
    _TELL,
    "An ID token from the authorization endpoint needs a nonce, and the request has none (Core section 3.2.2.1).",
    "Send a fresh random nonce, and compare it with the one in the ID token.",
    lambda app: say("%(app)s's request is incomplete", app=app),
)
CLAIMS = Reason(
    "invalid_claims",
    say("This app's request is malformed"),
    _TELL,
    "claims is no JSON object of the form that OpenID Connect Core section 5.5 gives it, or is nested too deeply.",
    "Send userinfo and id_token as objects whose members are null or have essential, value or values.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
ACR_UNMET = Reason(
    "acr_unmet",
    say("This app needs a stronger sign-in than there is here"),
    _TELL,
    "The request calls an acr essential that no sign-in here reaches.",
    "Ask for one of acr_values_supported, or make the acr voluntary.",
    lambda app: say("%(app)s needs a stronger sign-in than there is here", app=app),
)
DUPLICATE_PARAMETER = Reason(
    "duplicate_parameter",
    say("This app's request is malformed"),
    _TELL,
    "A parameter was sent more than once (RFC 6749 section 3.1); only resource may repeat.",
    "Send each parameter once, either in the query or in the form, never in both.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
MALFORMED_PARAMETER = Reason(
    "malformed_parameter",
    say("This app's request is malformed"),
    _TELL,
    "A parameter holds control characters, is not UTF-8, or is longer than allowed; or there are too many of them.",
    "Send printable UTF-8 text, percent-encoded once.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
REQUEST_NOT_SUPPORTED = Reason(
    "request_not_supported",
    say("This app asked in a way we do not support"),
    _TELL,
    "The request object is not signed, or the client has no registered keys to verify it with.",
    "Register jwks or jwks_uri for the client and sign the request object, or send the parameters themselves.",
    lambda app: say("%(app)s asked in a way we do not support", app=app),
)
REQUEST_URI_NOT_SUPPORTED = Reason(
    "request_uri_not_supported",
    say("This app asked in a way we do not support"),
    _TELL,
    "The client has no registered request_uris or no keys, or what is found there is not signed.",
    "Register request_uris and jwks or jwks_uri, and serve a signed request object; or send the parameters themselves.",
    lambda app: say("%(app)s asked in a way we do not support", app=app),
)
REQUEST_OBJECT = Reason(
    "invalid_request_object",
    say("This app's request could not be checked"),
    _TELL,
    "The request object does not verify with the client's registered keys, or its claims are not as they must be.",
    "Sign it with a registered key and algorithm; aud is the issuer, exp lies ahead, client_id is the outer one.",
    lambda app: say("%(app)s's request could not be checked", app=app),
)
REQUEST_OBJECT_MISSING = Reason(
    "request_object_missing",
    say("This app's request is incomplete"),
    _TELL,
    "The client is registered with require_signed_request_object, and its request came as plain parameters.",
    "Send the parameters in a signed request object (request or request_uri), or turn that setting off.",
    lambda app: say("%(app)s's request is incomplete", app=app),
)
REQUEST_URI = Reason(
    "invalid_request_uri",
    say("This app's request could not be fetched"),
    _TELL,
    "The request_uri is not registered for the client character by character, or it does not lead to a request object.",
    "Register this very address, fragment included; serve the signed object as application/oauth-authz-req+jwt.",
    lambda app: say("%(app)s's request could not be fetched", app=app),
)
REGISTRATION_NOT_SUPPORTED = Reason(
    "registration_not_supported",
    say("This app asked in a way we do not support"),
    _TELL,
    "The registration parameter belongs to self-issued providers and is not supported.",
    "Register the client beforehand and leave the parameter out.",
    lambda app: say("%(app)s asked in a way we do not support", app=app),
)
RESOURCE = Reason(
    "invalid_target",
    say("This app asked for a service it may not use"),
    _TELL,
    "A resource is not an absolute URI without a fragment, or is not among the client's resources (RFC 8707).",
    "Send a registered resource, or add this one to the client.",
    lambda app: say("%(app)s asked for a service it may not use", app=app),
)
ID_TOKEN_HINT = Reason(
    "invalid_id_token_hint",
    say("This app's request is malformed"),
    _TELL,
    "The id_token_hint is not an ID token that was issued here for this client.",
    "Send the last ID token unchanged, or leave the parameter out.",
    lambda app: say("%(app)s's request is malformed", app=app),
)
INTERACTION_EXPIRED = Reason(
    "interaction_expired",
    say("This sign-in has run out"),
    say("It was left open for too long. Nothing was shared. Go back to the app and start again from there."),
    "The request waited longer than a pending request is kept.",
    "Start again with a new authorization request.",
)
INTERACTION_FOREIGN = Reason(
    "interaction_foreign",
    say("This sign-in was started in another browser"),
    say(
        "The link works only where it was started, or this browser has lost its cookies. "
        "Nothing was shared. Go back to the app and start again from there."
    ),
    "The cookie that binds the request to a browser is missing or another one.",
    "Start again in this browser. Check that cookies are allowed for this site.",
)
INTERACTION_COMPLETED = Reason(
    "interaction_completed",
    say("This sign-in is already finished"),
    say("You may already be signed in at the app. Nothing was shared. Go back to the app and start again from there."),
    "The pending request has been answered; one request gets one answer.",
    "Start again with a new authorization request.",
)
LOGOUT_HINT = Reason(
    "logout_hint_invalid",
    say("We could not check who asked to sign you out"),
    say("You have not been signed out yet. You can do so here."),
    "The id_token_hint at logout does not verify, was issued for another client, or names another person.",
    "Send the last ID token unchanged as id_token_hint; an expired one is fine.",
)
POST_LOGOUT_REDIRECT_URI = Reason(
    "post_logout_redirect_uri_unregistered",
    say("We do not recognise where this app wants to send you next"),
    say("You can sign out here, and close the window afterwards."),
    "The post-logout redirect URI is not registered for the client, or no client was proven by an id_token_hint.",
    "Register the post_logout_redirect_uri exactly as it is sent, and send id_token_hint along.",
    lambda app: say("We do not recognise where %(app)s wants to send you next", app=app),
)
RETURN_TO = Reason(
    "return_to_refused",
    say("This app asked us to send you somewhere we do not recognise"),
    _TELL,
    "return_to is neither a path of the delivery address's origin nor below a registered prefix.",
    "Send a path that begins with one slash, or register the prefix for the client.",
    lambda app: say("%(app)s asked us to send you somewhere we do not recognise", app=app),
)
DISCOURSE_SIGNATURE = Reason(
    "discourse_signature_refused",
    say("The forum's request could not be checked"),
    _TELL,
    "sig is not the HMAC-SHA256 of the text in sso with a secret of this client, or sso cannot be read.",
    "Put the client's JWT secret into discourse_connect_secret, and have Discourse send sso and sig unchanged.",
)
DISCOURSE_RETURN = Reason(
    "discourse_return_refused",
    say("This app asked us to send you somewhere we do not recognise"),
    _TELL,
    "return_sso_url in the signed request is not the delivery_uri that is registered for the client.",
    "Register the forum's address followed by /session/sso_login as the delivery_uri.",
    lambda app: say("%(app)s asked us to send you somewhere we do not recognise", app=app),
)
SIGN_IN_RETURN = Reason(
    "sign_in_return_refused",
    say("We do not recognise the address that this sign-in leads back to"),
    say("To keep your account safe we stopped here. Your account is fine. You can open the page again yourself."),
    "rd is neither a path of this server nor an address on its host name, by the same scheme or https.",
    "Put the page behind the issuer's host name, on any port; the session cookie goes nowhere else.",
)
NO_JWT_REDIRECT = Reason(
    "no_jwt_redirect",
    say("This app cannot be opened from here"),
    say("Nothing was shared and your account is fine. Open the app at its own address and sign in from there."),
    "The client is registered, and has no address for the JWT redirect (/sso).",
    "Start at the app itself, or register jwt_sso with a delivery_uri for the client.",
    lambda app: say("%(app)s cannot be opened from here", app=app),
)
TOO_LARGE = Reason(
    "too_large",
    say("This request is too large"),
    _TELL,
    "The request or one of its parameters exceeds the size that is accepted.",
    "Shorten state, scope or whatever is longest.",
)
PERSON_DISABLED = Reason(
    "person_disabled",
    say("Your account is switched off"),
    say("An administrator has switched this account off. Ask them if you think that is a mistake."),
    "The password was right, and the account is disabled.",
    "Enable the account on its page, if that is meant.",
)
EMAIL_UNVERIFIED = Reason(
    "email_unverified",
    say("Your email address has to be verified first"),
    say(
        "This app knows people by their address alone, so we send nobody there whose address is not verified. Ask an "
        "administrator to verify yours."
    ),
    "The app takes every address for proven (require_verified_email), and the person's is not verified.",
    "Verify the address and say so on the person's page.",
)
NOT_ALLOWED = Reason(
    "not_allowed",
    say("Your account has no access to this"),
    say("You are signed in, and this is not open to your account. Ask an administrator if you need it."),
    "The person lacks the role, group or step that this needs.",
    "Give the person access, if that is meant.",
)
CONSENT_DENIED = Reason(
    "consent_denied",
    say("You chose not to allow this app"),
    say("Nothing was shared."),
    "The person declined the consent.",
    "Treat access_denied as a normal answer and offer another way.",
    lambda app: say("You chose not to allow %(app)s", app=app),
)
CSRF_EXPIRED = Reason(
    "csrf_expired",
    say("This page is out of date"),
    say(
        "Nothing was changed. Perhaps you signed in or out in another tab. Open the page anew and try again; if that "
        "does not help, let your browser keep cookies for this site."
    ),
    "The form's CSRF token is missing, has run out or belongs to another session.",
    "Reload the page. If it happens every time, check that cookies are allowed and arrive through the proxy.",
)
WRONG_HOST = Reason(
    "wrong_host",
    say("This is not the address of this site"),
    say("Use the address that the link below leads to."),
    "The Host of the request is not the issuer's (IDP_ISSUER).",
    "Send requests to the issuer's host, and let the proxy pass the Host header on unchanged.",
)
CLOCK_SKEW = Reason(
    "clock_skew",
    say("The clocks disagree"),
    say(
        "The time here and at the app differ too much. To keep your account safe we stopped here. Nothing "
        "was shared and your account is fine. Whoever runs the app has to correct this; the details below are for "
        "them."
    ),
    "A token's iat or exp lies further off than the 60 seconds that are tolerated.",
    "Synchronise the clock of the app's server (NTP).",
)
TOO_MANY_ATTEMPTS = Reason(
    "too_many_attempts",
    say("Too many tries"),
    say("Wait a moment, then try again. Your account is fine."),
    "The limit of failed tries has been reached for this account, address or client secret.",
    "Wait for as long as Retry-After says.",
)
BUSY = Reason(
    "busy",
    say("Many people are signing in right now"),
    say("Wait a moment, then try again. Nothing is lost."),
    "All places for password checks stayed taken for five seconds.",
    "Try again after Retry-After; more workers or cores raise the limit.",
)

ALL: tuple[Reason, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Reason))
BY_CODE: dict[str, Reason] = {reason.code: reason for reason in ALL}
