"""A tiny MaxMind DB file (format 2.0) of a few IPv4 networks, so that tests need none of the real ones."""

import ipaddress
from pathlib import Path
from typing import Any

_RECORD_BITS = 24
_SEPARATOR = bytes(16)
_STRING, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY = 2, 5, 6, 7, 9, 11


def place(city: str, country: str) -> dict[str, Any]:
    """Return a record as the files of towns have it."""
    return {"city": {"names": {"en": city}}, "country": {"iso_code": "XX", "names": {"en": country}}}


def write(path: Path, networks: dict[str, Any]) -> Path:
    """Write *networks* (a network and its record) to *path*."""
    nodes: list[list[Any]] = [[None, None]]
    data, offsets = b"", {}
    for text, record in networks.items():
        offsets[text] = len(data)
        data += _encoded(record)
        network = ipaddress.IPv4Network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            following = nodes[node][int(bit)]
            if following is None:
                following = nodes[node][int(bit)] = len(nodes)
                nodes.append([None, None])
            node = following
        nodes[node][int(bits[-1])] = text
    tree = b"".join(_record(entry, len(nodes), offsets) for node in nodes for entry in node)
    metadata = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1),
        "database_type": "Test-City",
        "description": {"en": "tests"},
        "ip_version": (_UINT16, 4),
        "languages": ["en"],
        "node_count": (_UINT32, len(nodes)),
        "record_size": (_UINT16, _RECORD_BITS),
    }
    path.write_bytes(tree + _SEPARATOR + data + b"\xab\xcd\xefMaxMind.com" + _encoded(metadata))
    return path


def _record(entry: Any, count: int, offsets: dict[str, int]) -> bytes:
    at = {None: count} | {text: count + len(_SEPARATOR) + offset for text, offset in offsets.items()}
    value = entry if isinstance(entry, int) else at[entry]
    return value.to_bytes(_RECORD_BITS // 8, "big")


def _encoded(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return _control(_STRING, len(text)) + text
    if isinstance(value, dict):
        return _control(_MAP, len(value)) + b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
    if isinstance(value, list):
        return _control(_ARRAY, len(value)) + b"".join(_encoded(item) for item in value)
    kind, number = value
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _control(kind, len(octets)) + octets


def _control(kind: int, size: int) -> bytes:
    assert size < 29, "longer values have another encoding, which no test needs"
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
