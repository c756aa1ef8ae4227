"""Many at once, against two worker processes, on both databases."""

import asyncio
import base64
import json
import subprocess
import sys
import time

import pytest
from sqlalchemy import select

from bench.scenarios import HEADERS, REDIRECT_URI, Failed, authorize, code_flow, token
from idp import clock
from idp.accounts.models import Person
from idp.admin import lifecycle
from idp.audit.log import COMMAND_LINE
from idp.clients import administration
from idp.db import transaction
from idp.keys.models import SigningKey
from idp.tokens.models import RefreshToken
from tests.faults.conftest import csrf_token, submit, warm
from tests.pace import strain

AT_ONCE = 20
OFFLINE = "openid profile email offline_access"


async def redeem(connection, code, verifier):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    return await connection.request("POST", "/oauth/token", form=form, headers=HEADERS)


async def refresh(connection, refresh_token):
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await connection.request("POST", "/oauth/token", form=form, headers=HEADERS)


def test_T36_F14_of_twenty_redemptions_of_a_code_one_succeeds(idp):
    browser = idp.connection(idp.person("ana"))
    many = [idp.connection() for _ in range(AT_ONCE)]

    async def rounds():
        found = []
        await warm(many)
        for _ in range(8):
            code, verifier = await authorize(browser)
            answers = await asyncio.gather(*(redeem(connection, code, verifier) for connection in many))
            found.append(answers)
        return found

    for answers in idp.run(rounds()):
        assert sorted(answer.status for answer in answers) == [200, *[400] * (AT_ONCE - 1)]
        assert {json.loads(answer.body)["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}


def test_T37_F14_twenty_refreshes_make_one_successor(idp):
    browser = idp.connection(idp.person("ana"))
    many = [idp.connection() for _ in range(AT_ONCE)]

    async def rounds():
        found = []
        await warm(many)
        presented = (await code_flow(browser, OFFLINE))["refresh_token"]
        for _ in range(6):
            answers = await asyncio.gather(*(refresh(connection, presented) for connection in many))
            found.append(answers)
            presented = next(json.loads(answer.body)["refresh_token"] for answer in answers if answer.status == 200)
        return found

    for answers in idp.run(rounds()):
        assert {answer.status for answer in answers} == {200}
        assert len({json.loads(answer.body)["refresh_token"] for answer in answers}) == 1
    # One line of descent: the first token and six successors.
    assert len(idp.read(select(RefreshToken.fingerprint))) == 7


def test_T37_without_a_grace_one_refresh_succeeds_and_the_family_ends(install):
    idp = install(IDP_TOKENS__REFRESH_GRACE="0")
    idp.client()
    browser = idp.connection(idp.person("ana"))
    many = [idp.connection() for _ in range(AT_ONCE)]

    async def once():
        await warm(many)
        presented = (await code_flow(browser, OFFLINE))["refresh_token"]
        return await asyncio.gather(*(refresh(connection, presented) for connection in many))

    answers = idp.run(once())
    successful = [answer for answer in answers if answer.status == 200]
    assert len(successful) <= 1
    for answer in successful:
        with pytest.raises(Failed, match="invalid_grant"):
            idp.together(token(browser, {"grant_type": "refresh_token", "refresh_token": _token_of(answer)}))


def _token_of(answer):
    return json.loads(answer.body)["refresh_token"]


def test_L24_forty_parallel_guesses_meet_the_limit(idp):
    idp.person("ana")
    many = [idp.connection() for _ in range(40)]

    async def guess(connection, guess):
        return await submit(connection, "/login", username="ana", password=f"wrong guess {guess}")

    answers = idp.together(*(guess(connection, number) for number, connection in enumerate(many)))
    # Five tries of an account from one address are free; whoever found no place to hash was not tried at all.
    assert {answer.status for answer in answers} <= {400, 429, 503}
    assert 1 <= sum(answer.status == 400 for answer in answers) <= 5
    assert all("retry-after" in answer.headers for answer in answers if answer.status != 400)


def test_M13_of_twenty_setups_one_makes_the_administrator(install):
    idp = install()
    link = idp.server.said(r"(http://\S+/setup/\S+)").removeprefix(idp.issuer)
    many = [idp.connection() for _ in range(AT_ONCE)]

    async def set_up():
        tokens = await asyncio.gather(*(csrf_token(connection, link) for connection in many))
        return await asyncio.gather(
            *(
                connection.request("POST", link, form=fields(number, token))
                for number, (connection, token) in enumerate(zip(many, tokens, strict=True))
            )
        )

    def fields(number, token):
        name = f"root{number}"
        return {
            "csrf_token": token,
            "username": name,
            "email": f"{name}@example.com",
            "password": f"long enough {name}",
        }

    answers = idp.run(set_up())
    assert {answer.status for answer in answers} <= {303, 403, 404, 503}
    assert sum(answer.status == 303 for answer in answers) == 1
    assert len(idp.read(select(Person.id).where(Person.is_admin.is_(True)))) == 1
    assert idp.together(many[0].request("GET", link))[0].status == 404


def test_K08_of_two_rotations_at_once_one_key_signs(idp):
    command = [sys.executable, "-m", "idp", "keys", "rotate", "--force", "--json"]
    running = [
        subprocess.Popen(command, env=idp.server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=30) for process in running]
    assert 0 in {process.returncode for process in running}, outputs
    assert not any("Traceback" in error for _, error in outputs)
    keys = idp.read(select(SigningKey.alg, SigningKey.state, SigningKey.kid).where(SigningKey.alg == "RS256"))
    assert sorted(key.state for key in keys).count("active") == 1
    active = next(key.kid for key in keys if key.state == "active")
    time.sleep(strain())
    many = [idp.connection() for _ in range(8)]
    form = {"grant_type": "client_credentials", "resource": "https://api.example.com"}
    for answer in idp.together(*(token(connection, form) for connection in many)):
        assert _kid(answer["access_token"]) == active


def _kid(jwt):
    header = jwt.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def test_T31_F12_a_disabled_client_is_refused_by_every_worker_within_a_second(idp):
    many = [idp.connection() for _ in range(16)]
    form = {"grant_type": "client_credentials"}
    idp.together(*(token(connection, form) for connection in many))
    with idp.app.app_context(), transaction() as session:
        administration.disable(session, "bench", actor=COMMAND_LINE, now=clock.utc_now())
    time.sleep(strain())

    async def ask(connection):
        return await connection.request("POST", "/oauth/token", form=form, headers=HEADERS)

    assert {answer.status for answer in idp.together(*(ask(connection) for connection in many))} == {401}


def test_T31_a_disabled_person_is_refused_everywhere_at_once(idp):
    person = idp.person("ana")
    browsers = [idp.connection(person) for _ in range(4)]
    held = idp.together(*(code_flow(browser, OFFLINE) for browser in browsers))
    pending = idp.together(*(authorize(browser) for browser in browsers))
    with idp.app.app_context(), transaction() as session:
        row = session.get(Person, person.id)
        lifecycle.disable(session, row, actor=COMMAND_LINE, now=clock.utc_now())

    async def ask(number):
        connection = idp.connection()
        bearer = {"Authorization": f"Bearer {held[number]['access_token']}"}
        return [
            (await refresh(connection, held[number]["refresh_token"])).status,
            (await redeem(connection, *pending[number])).status,
            (await connection.request("GET", "/oauth/userinfo", headers=bearer)).status,
            (await browsers[number].request("GET", "/account")).status,
        ]

    for statuses in idp.together(*(ask(number) for number in range(4))):
        assert statuses == [400, 400, 401, 303]
