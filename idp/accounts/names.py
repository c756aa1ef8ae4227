"""How names are compared: so that two spellings that look alike cannot be two people or two groups."""

from __future__ import annotations

import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from idp.wording import say

LONGEST_USERNAME = 150
LONGEST_EMAIL = 320
LONGEST_NAME = 200

# An installation may serve a network of its own, where these are in use; the library's way to take them is this list.
for _domain in ("local", "localhost"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)


def key_of(text: str) -> str:
    """Return the form in which names are compared: NFKC, casefolded, without blanks around."""
    # Casefolding can undo the composition (RFC 3454 appendix B.2 maps so), hence the second normalisation.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def has_control(text: str) -> bool:
    """Tell whether *text* holds a control, format, private-use or unassigned character, or a lone surrogate."""
    return any(unicodedata.category(letter).startswith("C") for letter in text)


def username_fault(username: str) -> str | None:
    """Return the sentence that says why nobody can be called *username*, or nothing."""
    if not username:
        return say("Enter a username.")
    if len(username) > LONGEST_USERNAME:
        return say("Use at most %(most)s characters.", most=LONGEST_USERNAME)
    if "@" in key_of(username):
        # Else one person's username could be another one's email address at sign-in.
        return say("Leave out the @ sign: an address belongs in the email field.")
    if has_control(username) or any(letter.isspace() for letter in username):
        return say("Use letters, digits and signs, with no blanks.")
    return None


def name_fault(name: str) -> str | None:
    """Return the sentence that says why a full name cannot be *name*, or nothing; empty is fine."""
    if len(name) > LONGEST_NAME:
        return say("Use at most %(most)s characters.", most=LONGEST_NAME)
    return say("Leave out line breaks and invisible characters.") if has_control(name) else None


def email_fault(email: str) -> str | None:
    """Return the sentence that says why *email* is no address, or nothing; no name server is asked."""
    if not email:
        return say("Enter an email address.")
    if len(email) > LONGEST_EMAIL:
        return say("Use at most %(most)s characters.", most=LONGEST_EMAIL)
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return say("Enter an email address, such as %(example)s.", example="ana@example.com")
    return None
