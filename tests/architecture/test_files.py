"""What files say: complete hashes, no registry's host, no path of one machine, one list of requirements."""

import configparser
import re

import pytest

from tests.architecture.tree import ROOT, name, text_files

LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
CLIENT_LOCKS = (
    ROOT / "tests" / "clients" / "requirements.txt",
    ROOT / "tests" / "clients" / "requirements-pgadmin.txt",
)
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = [f"{host}.{domain}" for host, domain in (("pypi", "org"), ("files.pythonhosted", "org"), ("npmjs", "com"))]
ONE_MACHINE = re.compile(r"(?<![\w.~-])/(?:wor[k]|roo[t]|home/[a-z]\w+|Users/\w+)/")


def pins(path):
    return re.findall(r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?==[^\s;\\]+)", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", [*LOCKS, *CLIENT_LOCKS], ids=name)
def test_every_pin_of_a_lock_has_hashes(path):
    entries = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)[1:]

    assert len(entries) == len(pins(path)) > 40
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("path", [*LOCKS, *CLIENT_LOCKS], ids=name)
def test_a_lock_names_no_index(path):
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted-host", path.read_text())


def test_the_lock_for_developers_holds_the_run_time_versions():
    runtime, development = (dict(pin.split("==") for pin in pins(path)) for path in LOCKS)

    assert {one: version for one, version in runtime.items() if development.get(one) != version} == {}


def test_the_lock_is_made_from_the_requirements_of_the_package():
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    extras = configuration["options.extras_require"]
    of_the_package = {
        line.strip()
        for text in [configuration["options"]["install_requires"], *extras.values()]
        for line in text.splitlines()
        if line.strip()
    }
    of_the_lock = {line for line in (ROOT / "requirements.in").read_text().splitlines() if not line.startswith("#")}

    assert of_the_lock - of_the_package == {"setuptools>=77", "wheel"}
    assert of_the_package - of_the_lock == set()


def test_every_requirement_is_locked():
    wanted = {
        re.split(r"[\[<>=]", line)[0]
        for path in (ROOT / "requirements.in", ROOT / "requirements-dev.in")
        for line in path.read_text().splitlines()
        if line and line[0] not in "#-"
    }
    locked = {re.split(r"[\[=]", pin)[0] for pin in pins(LOCKS[1])}

    assert wanted - locked == set()


def test_no_file_names_a_registry():
    assert [
        f"{name(path)}: {host}"
        for path in text_files()
        for host in REGISTRIES
        if host in path.read_text(errors="ignore")
    ] == []


def test_no_file_names_a_path_of_one_machine():
    found = [
        f"{name(path)}: {line.strip()[:100]}"
        for path in text_files()
        for line in path.read_text(errors="ignore").splitlines()
        if ONE_MACHINE.search(line)
    ]

    assert found == []
