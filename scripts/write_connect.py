"""Write docs/how-to/connect: a page for each application in tests/clients, made from the very files that the tests ran.

With ``--check`` nothing is written; the exit status says whether the pages are up to date. A folder of tests/clients is
a page when it has a ``connect.md``: a title, then what to know. ``{name}`` in it stands for the locked version of the
package of that name. ``register.json`` and every other file of the folder follow.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "tests" / "clients"
PAGES = ROOT / "docs" / "how-to" / "connect"
LANGUAGES = {
    ".cfg": "ini",
    ".conf": "apache",
    ".css": "css",
    ".html": "html",
    ".js": "js",
    ".json": "json",
    ".mjs": "js",
    ".py": "python",
    ".toml": "toml",
}
_PIN = re.compile(r"^([a-z0-9][\w.-]*)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)
REGISTER = """
## Register the application

Change the addresses to those of your application, save this as `register.json`, and run
`idp client add --metadata register.json`. It prints the client id{and_secret}

```json
{metadata}
```
"""
SECRET = " and, this once, the secret."
MEANINGS = {
    "OIDC_ISSUER": "the address of your provider, without a slash at its end",
    "OIDC_CLIENT_ID": "the client id",
    "OIDC_CLIENT_SECRET": "the secret",
    "APP_ADDRESS": "the address of the application",
    "PORT": "the port where it listens",
}
INDEX = """# Connect an application

Each of these pages holds the complete configuration of one application or library, with the version that is tested.
They speak of a provider at `http://localhost:8000`, as `make run` starts it, and of an application at
`http://localhost:9000`; put your own addresses there. Anything else that speaks OpenID Connect works the same way: give
it the provider's address, the client id and the secret, and register the address where it takes the answer.

"""


def versions() -> dict[str, str]:
    """Return the locked version of each package, by name."""
    found: dict[str, str] = {}
    for path in sorted(CLIENTS.glob("requirements*.txt")):
        for name, version in _PIN.findall(path.read_text("utf-8")):
            # A lock may hold a newer version for a newer Python; the one for the oldest is always tested.
            found[name] = min(found.get(name, version), version, key=_numbers)
    packages = json.loads((CLIENTS / "package-lock.json").read_text("utf-8"))["packages"]
    found |= {
        path.removeprefix("node_modules/"): data["version"]
        for path, data in packages.items()
        if path.count("node_modules/") == 1
    }
    return found


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def page(folder: Path, locked: dict[str, str]) -> str:
    """Return the page of one application."""

    def version(match: re.Match[str]) -> str:
        return locked[match[1]]

    text = re.sub(r"\{([@\w./-]+)\}", version, (folder / "connect.md").read_text("utf-8")).strip() + "\n"
    register = folder / "register.json"
    if register.exists():
        metadata = register.read_text("utf-8").strip()
        is_public = json.loads(metadata).get("token_endpoint_auth_method") in {"none", "private_key_jwt"}
        text += REGISTER.replace("{and_secret}", "." if is_public else SECRET).replace("{metadata}", metadata)
    files = [path for path in sorted(folder.rglob("*")) if is_shown(path, folder)]
    if files:
        text += "\n## Configure it\n"
        text += environment("".join(path.read_text("utf-8") for path in files))
    for path in files:
        language = "nginx" if folder.name == "nginx" else LANGUAGES.get(path.suffix, "text")
        text += f"\n`{path.relative_to(folder).as_posix()}`\n\n```{language}\n{path.read_text('utf-8').strip()}\n```\n"
    return text


def is_shown(path: Path, folder: Path) -> bool:
    """Tell whether the page shows the file: neither what it is made from, nor what is empty or left by a run."""
    made = {"__pycache__", "node_modules"} & set(path.parts)
    named = path in {folder / "connect.md", folder / "register.json"}
    return path.is_file() and not made and not named and bool(path.read_bytes().strip())


def environment(configuration: str) -> str:
    """Return the sentence about the environment variables that the configuration reads, if it reads any."""
    names = [name for name in MEANINGS if re.search(rf"\b{name}\b", configuration)]
    if not names:
        return ""
    meanings = "".join(f"- `{name}`: {MEANINGS[name]}\n" for name in names)
    return f"\nIt reads from the environment:\n\n{meanings}"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    locked = versions()
    made = {
        f"{path.parent.name.replace('_', '-')}.md": page(path.parent, locked)
        for path in sorted(CLIENTS.glob("*/connect.md"))
    }
    titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in made.items()}
    lines = [f"- [{title}]({name})\n" for name, title in sorted(titles.items(), key=lambda one: one[1].lower())]
    return {"README.md": INDEX + "".join(lines), **made}


def main() -> int:
    """Write or check the pages."""
    check = "--check" in sys.argv
    wanted = pages()
    stale = [
        name
        for name, text in wanted.items()
        if not (PAGES / name).exists() or (PAGES / name).read_text(encoding="utf-8") != text
    ]
    left = [path for path in sorted(PAGES.glob("*.md")) if path.name not in wanted]
    if not check:
        PAGES.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (PAGES / name).write_text(wanted[name], encoding="utf-8")
        for path in left:
            path.unlink()
    stale += [path.name for path in left]
    if stale:
        print(f"{'out of date' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
