"""The provider that the applications sign people in with: a real server, and what is registered there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.server import Server
from tests.factories import ALL_CLAIMS

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
ENVIRONMENTS = ROOT / ".venv-clients"
PYTHON = ENVIRONMENTS / "python" / "bin" / "python"
PGADMIN_PYTHON = ENVIRONMENTS / "pgadmin" / "bin" / "python"
NODE = ENVIRONMENTS / "node" / "node"

USERNAME = "ana"
PASSWORD = "correct horse battery staple"
NAME = "Ana Ruiz"
EMAIL = "ana@people.example"
GROUP = "staff"

# What the files in the folders of the applications say, since people copy them; here each is somewhere else.
DOCUMENTED_ISSUER = "http://localhost:8000"
DOCUMENTED_ADDRESS = "http://localhost:9000"
DOCUMENTED_ID = "the-client-id"
DOCUMENTED_SECRET = "the-client-secret"


@dataclass(frozen=True)
class Registered:
    """A client as the provider answered its registration, and where its application is."""

    issuer: str
    address: str
    answer: Mapping[str, Any] = field(repr=False)

    @property
    def client_id(self) -> str:
        return self.answer["client_id"]

    @property
    def client_secret(self) -> str:
        return self.answer.get("client_secret", "")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def environment(self) -> dict[str, str]:
        """What the configuration files of the applications read."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": self.client_id,
            "OIDC_CLIENT_SECRET": self.client_secret,
            "APP_ADDRESS": self.address,
            "PORT": str(self.port),
        }

    def filled_in(self, text: str) -> str:
        """Return a documented file as this application has it, for files that cannot read the environment."""
        places = {
            DOCUMENTED_ISSUER: self.issuer,
            DOCUMENTED_ADDRESS: self.address,
            DOCUMENTED_ID: self.client_id,
            DOCUMENTED_SECRET: self.client_secret,
        }
        for documented, here in places.items():
            text = text.replace(documented, here)
        return text

    def write(self, name: str, folder: Path) -> Path:
        """Write each file of the application *name* into *folder* as `filled_in` returns it, and return the folder."""
        for path in sorted((FOLDER / name).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                copy = folder / path.relative_to(FOLDER / name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(self.filled_in(path.read_text(encoding="utf-8")), encoding="utf-8")
        return folder


class Provider:
    """A running server of one worker process, where Ana, with every claim there is, can sign in."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.server = Server(workers=1, folder=folder, settings=settings)
        self.issuer = self.server.issuer
        self._folder = folder

    def start(self) -> None:
        self.server.start()
        self.add_person(USERNAME, email=EMAIL, name=NAME, claims=ALL_CLAIMS)
        self.server.command("group", "add", GROUP)
        self.server.command("group", "add-member", GROUP, USERNAME)

    def add_person(self, username: str, *, email: str, name: str, claims: Mapping[str, Any] | None = None) -> None:
        """Add a person who signs in with `PASSWORD`."""
        path = self._folder / f"{username}.json"
        path.write_text(json.dumps(claims or {}), encoding="utf-8")
        options = ("--email", email, "--name", name, "--claims", str(path))
        self.server.command("user", "add", username, *options, "--password-stdin", given=PASSWORD)

    def register(self, name: str, address: str, **changes: Any) -> Registered:
        """Register what `register.json` of the application *name* says, for an application at *address*.

        A change of ``None`` leaves that member out.
        """
        text = (FOLDER / name / "register.json").read_text(encoding="utf-8").replace(DOCUMENTED_ADDRESS, address)
        metadata = {key: value for key, value in (json.loads(text) | changes).items() if value is not None}
        return Registered(self.issuer, address, self.add(metadata))

    def add(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """Register a client, and return the answer."""
        answer: Mapping[str, Any] = self.server.command("client", "add", "--metadata", "-", given=json.dumps(metadata))
        return answer

    def stop(self) -> None:
        self.server.stop()
