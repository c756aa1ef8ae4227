"""One code of an authenticator app, brought to two worker processes at once, on both databases."""

import asyncio

from sqlalchemy import func, select

from idp.sessions.models import BrowserSession
from tests.factories import give_totp, totp_code
from tests.faults.conftest import csrf_token, submit, warm
from tests.visitor import PASSWORD

AT_ONCE = 8


def test_L14_of_many_who_bring_the_same_code_one_gets_in(idp):
    seed = give_totp(idp.app, idp.person("ana").id)
    many = [idp.connection() for _ in range(AT_ONCE)]

    async def race():
        await warm(many)
        tokens = []
        for one in many:
            answer = await submit(one, "/login", username="ana", password=PASSWORD)
            assert answer.headers["location"] == "/login/verify"
            tokens.append(await csrf_token(one, "/login/verify"))
        code = totp_code(seed)
        forms = [{"csrf_token": token, "code": code} for token in tokens]
        sent = (one.request("POST", "/login/verify?by=totp", form=form) for one, form in zip(many, forms, strict=True))
        return await asyncio.gather(*sent)

    statuses = [answer.status for answer in idp.run(race())]
    assert statuses.count(303) == 1
    # The others were too late for the code, or met the limit of tries.
    assert set(statuses) <= {303, 400, 429}
    assert idp.read(select(func.count()).select_from(BrowserSession))[0][0] == 1
