import pytest

from idp.protocol.acr import ANY, AcrRequest

LADDER = ("low", "middle", "high")


@pytest.mark.parametrize(
    ("values", "reached", "answer", "is_met"),
    [
        ((), "low", "low", True),
        (("low",), "low", "low", True),
        (("middle",), "low", "low", False),
        (("middle",), "high", "middle", True),
        (("high", "low"), "middle", "low", True),
        (("high", "low"), "high", "high", True),
        (("elsewhere", "middle"), "middle", "middle", True),
        (("elsewhere",), "high", "high", False),
        (("low",), "elsewhere", "elsewhere", False),
        (("elsewhere",), "elsewhere", "elsewhere", True),
    ],
)
def test_a_sign_in_is_told_as_a_level_asked_for_that_it_reached(values, reached, answer, is_met):
    wanted = AcrRequest(values)
    assert wanted.answer(reached, LADDER) == answer
    assert wanted.is_met(reached, LADDER) == is_met


def test_what_can_be_reached():
    assert ANY.is_reachable(LADDER)
    assert AcrRequest(("elsewhere", "high")).is_reachable(LADDER)
    assert not AcrRequest(("elsewhere",)).is_reachable(LADDER)
    assert not AcrRequest(("low",)).is_met(None, LADDER)
