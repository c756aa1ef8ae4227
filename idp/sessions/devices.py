"""What a browser is called where people see it: Firefox on Linux."""

from __future__ import annotations

from idp.wording import say

_UNKNOWN, _ON = say("Unknown browser"), " on "
# Longer ones are not from browsers, and every pattern would be tried on them.
_LONGEST_HEADER = 1000
_LONGEST = 98


def describe(user_agent: str) -> str:
    """Return the browser and its system from a ``User-Agent`` header, without versions."""
    # A quarter of a second that only the first sign-in of a process pays, and no command.
    import ua_parser  # noqa: PLC0415

    if not user_agent or len(user_agent) > _LONGEST_HEADER:
        return _UNKNOWN
    found = ua_parser.parse(user_agent)
    family = found.user_agent.family if found.user_agent else ""
    # That it is a phone follows from its system.
    browser = family.removeprefix("Mobile ").removesuffix(" Mobile")
    device = found.device.family if found.device and found.device.family in {"iPhone", "iPad"} else ""
    system = device or (found.os.family if found.os else "")
    browser, system = browser[:_LONGEST], system[:_LONGEST]
    if browser and system:
        return say("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _UNKNOWN


def named(described: str) -> str:
    """Return what ``describe`` returned and a table kept, as a sentence again."""
    if described == _UNKNOWN:
        return _UNKNOWN
    browser, on, system = described.partition(_ON)
    return say("%(browser)s on %(system)s", browser=browser, system=system) if on else described
