"""Take the pictures of the documentation from the real pages, on an installation made for it.

Without arguments ``docs/images`` gets the pictures that the documentation uses, ``docs/pictures`` every page in both
themes at desk and phone width, small, with a page that shows them. ``--all FOLDER`` writes those as large as they are,
to look at; ``--only NAME`` some of them.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import socket
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from shots import LOOKS, OPEN_SHOTS, ROOT, SHOTS, Shot, Studio, furnish, live_a_little, plain, set_up

from bench.server import Server, free_port

IMAGES = ROOT / "docs" / "images"
PICTURES = ROOT / "docs" / "pictures"
QUALITY = 45
# How much of its size a picture keeps, by the width of the page, and how much of a long page it shows, in pixels: all
# pictures together stay under 8 MB.
SMALLER = {1280: 0.6, 390: 0.8}
LONGEST = 1800
DOCUMENTED = (
    "login-light-1280",
    "consent-light-1280",
    "apps-dark-1280",
    "error-admin-light-1280",
    "admin-clients-light-1280",
    "admin-secret-light-1280",
    "admin-keys-light-1280",
    "signed-out-light-1280",
    "select-light-1280",
    "claims-preview-light-1280",
    "admin-outbox-light-1280",
    "inspector-light-1280",
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
ARGUMENTS += ["--disable-component-update", "--font-render-hinting=none"]


def port(wanted: int, count: int = 1) -> int:
    """Return *wanted* when it and the ``count - 1`` ports after it are free, else others that are."""
    try:
        for number in range(wanted, wanted + count):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", number))
    except OSError:
        return free_port(count)
    return wanted


def small(page: Page, width: int) -> bytes:
    """Return the picture of the page as WebP; one at a desk is made smaller."""
    session = page.context.new_cdp_session(page)
    size = session.send("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": width, "height": min(size["height"], LONGEST)}
    clip["scale"] = SMALLER[width]
    options = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    taken = session.send("Page.captureScreenshot", options)
    session.detach()
    return base64.b64decode(taken["data"])


def take(studio: Studio, shots: list[Shot], folder: Path, titles: dict[str, str]) -> None:
    """Write the pictures of one theme and width, and note the titles of the pages."""
    theme, width = studio.look
    for shot in shots:
        page = studio.page(shot.who)
        shot.reach(page, studio)
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
        page.evaluate("() => { scrollTo(0, 0); document.documentElement.style.caretColor = 'transparent' }")
        titles[shot.name] = page.title().rpartition(" · ")[0].removeprefix("Error: ")
        path = folder / f"{shot.name}-{theme}-{width}.png"
        if folder == PICTURES:
            path.with_suffix(".webp").write_bytes(small(page, width))
        elif shot.part:
            page.locator(shot.part).screenshot(path=path, animations="disabled")
        else:
            page.screenshot(path=path, full_page=shot.whole, animations="disabled")


def sitting(server: Server, browser: Browser, names: list[str], folder: Path) -> dict[str, str]:
    """Write the pictures called *names*, or all, into *folder*; return the titles of their pages."""
    titles: dict[str, str] = {}
    codes: list[str] = []

    def in_every_look(shots: tuple[Shot, ...]) -> None:
        for look in LOOKS:
            studio = Studio(server, browser, look, codes=codes)
            take(studio, wanted(shots, look, names), folder, titles)
            studio.close()

    in_every_look((plain("setup", "", server.said(r"Finish setup +(\S+)").removeprefix(server.issuer)),))
    studio = Studio(server, browser, LOOKS[0], codes=codes)
    set_up(studio.page(""), server)
    furnish(server)
    if not names:
        # A key that verifies only; before its successor is known everywhere, so this page says “not yet” meanwhile.
        server.command("keys", "rotate", "--force")
    live_a_little(studio)
    studio.close()
    in_every_look(SHOTS)
    if any(wanted(OPEN_SHOTS, look, names) for look in LOOKS):
        server.environment |= {"IDP_SIGN_UP__MODE": "open", "IDP_SESSION__REAUTH": "1s"}
        server.restart()
        in_every_look(OPEN_SHOTS)
    return titles


def wanted(shots: tuple[Shot, ...], look: tuple[str, int], names: list[str]) -> list[Shot]:
    """Return those of *shots* that *names* ask for in this look; all of them when *names* is empty."""
    return [shot for shot in shots if not names or f"{shot.name}-{look[0]}-{look[1]}" in names]


def part_of(name: str) -> str:
    """Return the part of the index in which a picture stands."""
    if name.startswith("admin-"):
        return "For administrators"
    return "For developers" if name.startswith("inspector") else "For people"


def write_index(titles: dict[str, str]) -> None:
    """Write the page that shows the pictures."""
    parts: dict[str, list[str]] = {"For people": [], "For administrators": [], "For developers": []}
    for name, title in titles.items():
        links = [f"[{theme}, {width} px]({name}-{theme}-{width}.webp)" for theme, width in LOOKS]
        parts[part_of(name)] += [
            f"### {title}",
            "",
            f'<img src="{name}-light-1280.webp" width="520" alt="{title}">',
            f'<img src="{name}-dark-390.webp" width="170" alt="{title}, on a phone and in the dark">',
            "",
            f"`{name}`: {' · '.join(links)}",
            "",
        ]
    lines = ["# Pictures of every page", "", "`make screenshots` takes them anew, from the real pages.", ""]
    for part, found in parts.items():
        lines += [f"## {part}", "", *found]
    (PICTURES / "README.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def run(names: list[str], folder: Path) -> dict[str, str]:
    """Take the pictures called *names*, or all, on an installation of their own; return the titles of their pages."""
    folder.mkdir(parents=True, exist_ok=True)
    # The addresses are in the pictures: those of the tutorial when nobody else has them.
    issuer = port(8000)
    server = Server(
        arguments=["--demo", "--demo-port", str(port(8001, 2))],
        settings={"IDP_ISSUER": f"http://localhost:{issuer}", "IDP_LISTEN": f"127.0.0.1:{issuer}"},
    )
    server.port, server.issuer = issuer, f"http://localhost:{issuer}"
    try:
        server.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            titles = sitting(server, browser, names, folder)
            browser.close()
    finally:
        server.stop()
    print(f"{len(list(folder.glob('*-*.*')))} pictures in {folder}")
    return titles


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write every page in every look into FOLDER")
    parser.add_argument("--gallery", action="store_true", help="just docs/pictures")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="just these, as login-light-1280")
    arguments = parser.parse_args()
    if shutil.which("chromium") is None:
        print("error: chromium is needed: apt-get install chromium", file=sys.stderr)
        return 1
    if arguments.all or arguments.only:
        run(arguments.only, arguments.all.resolve() if arguments.all else IMAGES)
        return 0
    if not arguments.gallery:
        run(list(DOCUMENTED), IMAGES)
    for old in PICTURES.glob("*.webp"):
        old.unlink()
    write_index(run([], PICTURES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
