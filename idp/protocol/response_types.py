"""What an authorization request may ask to be answered with, and by which way (Multiple Response Types, JARM)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from idp.protocol.redirect_uris import ResponseMode

# Words in alphabetical order, as they are registered and compared; their order in a request says nothing.
RESPONSE_TYPES = ("code", "id_token", "id_token token", "code id_token", "code token", "code id_token token")
RESPONSE_MODES = (*(mode.value for mode in ResponseMode), "jwt", *(f"{mode.value}.jwt" for mode in ResponseMode))
# Of an answer that travels as one token.
SIGNED_LIFETIME: Final = timedelta(minutes=10)
_IN_FRONT = frozenset({"token", "id_token"})
_SIGNED = ".jwt"


@dataclass(frozen=True, slots=True)
class AnswerMode:
    """Where the answer's parameters stand, and whether they travel as one signed token (JARM)."""

    place: ResponseMode
    is_signed: bool = False


def normalised(text: str) -> str:
    """Return a response type with its words in alphabetical order."""
    return " ".join(sorted(text.split()))


def words_of(response_type: str) -> frozenset[str]:
    """Return the words of a response type."""
    return frozenset(response_type.split())


def grants_for(response_type: str) -> frozenset[str]:
    """Return the grant types that a response type uses (OpenID Connect Registration section 2)."""
    words = words_of(response_type)
    return frozenset((["authorization_code"] if "code" in words else []) + (["implicit"] if words & _IN_FRONT else []))


def answer_mode(response_type: str | None, response_mode: str | None) -> AnswerMode:
    """Return how to answer a request, refusals of the very request included.

    Types that bring a token in the front channel are answered in the fragment, never in the query, whatever the request
    says (Multiple Response Types section 5, JARM section 2.3); an unknown type or mode is answered in the query.
    """
    plain = ResponseMode.FRAGMENT if is_in_front(response_type) else ResponseMode.QUERY
    if response_mode not in RESPONSE_MODES:
        return AnswerMode(plain)
    is_signed = response_mode == "jwt" or response_mode.endswith(_SIGNED)
    named = response_mode.removesuffix(_SIGNED)
    if named == "jwt" or (named == ResponseMode.QUERY and plain is ResponseMode.FRAGMENT):
        return AnswerMode(plain, is_signed)
    return AnswerMode(ResponseMode(named), is_signed)


def is_refused_mode(response_type: str, response_mode: str | None) -> bool:
    """Tell whether *response_mode* is unknown, or would put a token into the query."""
    if response_mode is None:
        return False
    in_query = response_mode.removesuffix(_SIGNED) == ResponseMode.QUERY
    return response_mode not in RESPONSE_MODES or (in_query and is_in_front(response_type))


def is_in_front(response_type: str | None) -> bool:
    """Tell whether a response type, served or not, asks for a token from the authorization endpoint."""
    words = words_of(response_type or "")
    return bool(words & _IN_FRONT) and words <= {*_IN_FRONT, "code"}
