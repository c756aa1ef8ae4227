"""The wheel holds every package, and what is installed from it serves a page from any directory."""

import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

# What a newcomer's first minute needs, tried in a folder that holds no source: set up, then ask for a page, a style
# sheet and the discovery document.
TRY_IT = """
import re, sys
from pathlib import Path
from idp.app import create_app
from idp.prepare import prepare
from idp.settings import Settings
import idp
assert Path(idp.__file__).is_relative_to(sys.argv[1]), idp.__file__
settings = Settings(data_dir=Path("data"))
prepare(settings)
client = create_app(settings).test_client()
page = client.get("/login", base_url=settings.issuer)
assert page.status_code == 200, page.status
style = re.search(r'href="(/static/[^"]+[.]css)"', page.text).group(1)
print(client.get("/.well-known/openid-configuration", base_url=settings.issuer).json["issuer"], style)
"""


@pytest.fixture(scope="module")
def configuration():
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel, built from a copy of the tree so that nothing is left in it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    kept = (
        "idp",
        "templates",
        "static",
        "migrations",
        "translations",
        "examples",
        "setup.cfg",
        "pyproject.toml",
        "LICENSE",
        "NOTICE",
        "README.md",
    )
    source.mkdir()
    for one in kept:
        subprocess.run(["cp", "-r", str(ROOT / one), str(source)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("doorward-*.whl"))


def listed(configuration):
    return configuration["options"]["packages"].split()


def test_every_package_is_listed(configuration):
    in_the_tree = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "idp").rglob("*.py")}
    placed = {f"idp.{one}" for one in ("templates", "static", "migrations", "translations", "examples")}

    assert set(listed(configuration)) == in_the_tree | placed


def test_every_package_has_an_init_file(configuration):
    places = [ROOT / one.replace(".", "/") for one in listed(configuration)]

    assert [place for place in places if place.is_dir() and not (place / "__init__.py").is_file()] == []


def test_the_wheel_holds_every_file_of_the_product(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix() if top == "idp" else f"idp/{path.relative_to(ROOT).as_posix()}"
        for top in ("idp", "templates", "static", "migrations", "translations", "examples")
        for path in (ROOT / top).rglob("*")
        # A catalog is read compiled.
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".po"
    }

    assert wanted - held == set()
    assert not {one for one in held if one.startswith(("tests/", "bench/", "docs/"))}


def test_an_installed_wheel_serves_pages_from_anywhere(wheel, tmp_path):
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    done = subprocess.run(
        [sys.executable, "-c", TRY_IT, str(installed)],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    issuer, style = done.stdout.splitlines()[-1].split()
    assert issuer == "http://localhost:8000"
    assert Path(style).suffix == ".css"


def test_the_command_is_installed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        entry = next(one for one in archive.namelist() if one.endswith("entry_points.txt"))

        assert "idp = idp.cli:main" in archive.read(entry).decode()
