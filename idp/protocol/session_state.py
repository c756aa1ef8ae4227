"""What a client holds against the state of a browser (OpenID Connect Session Management section 2)."""

import hashlib


def compute(client_id: str, origin: str, browser_state: str, salt: str) -> str:
    """Return the ``session_state`` of *client_id* at *origin*, which ``static/js/check_session.js`` computes as well.

    It says nothing about the browser's state, and is another one with every *salt*; none of the four holds a space.
    """
    digest = hashlib.sha256(f"{client_id} {origin} {browser_state} {salt}".encode()).hexdigest()
    return f"{digest}.{salt}"
