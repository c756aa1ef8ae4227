"""A signing key's life under any schedule, any clock ticks and any impatience of an administrator."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from idp.protocol import key_schedule
from idp.protocol.key_schedule import Change, KeyFacts, KeyState, Schedule, due, may_sign

START = datetime(2026, 11, 24, tzinfo=UTC)
ALGORITHMS = ("RS256", "ES256")


class KeyLife(RuleBasedStateMachine):
    """Verifiers refetch the key set only when their copy is `jwks_max_age` old; no token may ever be unknown to one."""

    def __init__(self):
        super().__init__()
        self.now = START
        self.keys = {}
        self.names = count()
        # What a verifier that fetched at this instant holds: (instant, kids).
        self.fetched = []
        # (kid, instant until which a token of it may live)
        self.tokens = {}

    @initialize(
        rotate=st.integers(1, 100),
        ahead=st.integers(0, 120),
        keep=st.integers(0, 20),
        max_age=st.integers(1, 3600),
        life=st.integers(60, 40 * 86400),
    )
    def install(self, rotate, ahead, keep, max_age, life):
        self.schedule = Schedule(
            rotate_every=timedelta(days=rotate),
            publish_ahead=timedelta(days=ahead),
            keep=timedelta(days=keep),
            jwks_max_age=timedelta(seconds=max_age),
            longest_token_lifetime=timedelta(seconds=life),
        )
        for alg in ALGORITHMS:
            self._add(alg, KeyState.ACTIVE, activated_at=self.now)
            self._add(alg, KeyState.NEXT)
        self._fetch()

    def _add(self, alg, state, **facts):
        kid = f"k{next(self.names)}"
        self.keys[kid] = KeyFacts(kid=kid, alg=alg, state=state, published_at=self.now, **facts)

    def _set(self, kid, **changes):
        self.keys[kid] = replace(self.keys[kid], **changes)

    def _promote(self, kid):
        for key in list(self.keys.values()):
            if key.alg == self.keys[kid].alg and key.state is KeyState.ACTIVE:
                self._set(key.kid, state=KeyState.RETIRING, retiring_at=self.now)
        self._set(kid, state=KeyState.ACTIVE, activated_at=self.now)

    def _fetch(self):
        kids = frozenset(key.kid for key in self.keys.values() if key.state.is_published)
        self.fetched = [one for one in self.fetched if self.now - one[0] < self.schedule.jwks_max_age]
        self.fetched.append((self.now, kids))

    @rule(seconds=st.integers(0, 3600) | st.integers(0, 30 * 86400))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    def _publish(self, alg):
        # Two changes never fall on one instant; only those of the installation are one change.
        self.now += timedelta(microseconds=1)
        self._add(alg, KeyState.NEXT)

    @rule()
    def the_job_runs(self):
        for transition in due(self.keys.values(), self.schedule, self.now):
            if transition.change is Change.PUBLISH:
                self._publish(transition.alg)
            elif transition.change is Change.PROMOTE:
                assert self.keys[transition.kid].state is KeyState.NEXT
                self._promote(transition.kid)
            else:
                assert self.keys[transition.kid].state is KeyState.RETIRING
                self._set(transition.kid, state=KeyState.RETIRED)

    @rule()
    def a_verifier_fetches_the_set(self):
        self._fetch()

    @rule(alg=st.sampled_from(ALGORITHMS))
    def an_administrator_rotates(self, alg):
        upcoming = next((key for key in self.keys.values() if key.alg == alg and key.state is KeyState.NEXT), None)
        first = key_schedule.first_published_at(self.keys.values(), alg)
        if upcoming and may_sign(upcoming, first, self.schedule.jwks_max_age, self.now):
            self._promote(upcoming.kid)
            self._publish(alg)

    @rule(alg=st.sampled_from(ALGORITHMS))
    def an_administrator_revokes_the_active_key(self, alg):
        for key in list(self.keys.values()):
            if key.alg == alg and key.state is KeyState.ACTIVE:
                self._set(key.kid, state=KeyState.REVOKED)
                self.tokens.pop(key.kid, None)

    @precondition(lambda self: self.keys)
    @rule(alg=st.sampled_from(ALGORITHMS))
    def a_token_is_signed(self, alg):
        for key in self.keys.values():
            if key.alg == alg and key.state is KeyState.ACTIVE:
                self.tokens[key.kid] = self.now + self.schedule.longest_token_lifetime
                # K05, F11: every verifier whose copy is still good knows the key.
                revoked = {other.kid for other in self.keys.values() if other.state is KeyState.REVOKED}
                for fetched_at, kids in self.fetched:
                    if self.now - fetched_at < self.schedule.jwks_max_age:
                        assert key.kid in kids - revoked

    @invariant()
    def at_most_one_key_of_an_algorithm_is_active_and_one_is_next(self):
        for alg in ALGORITHMS:
            states = [key.state for key in self.keys.values() if key.alg == alg]
            assert states.count(KeyState.ACTIVE) <= 1
            assert states.count(KeyState.NEXT) <= 1

    @invariant()
    def the_active_key_may_sign(self):
        for key in self.keys.values():
            if key.state is KeyState.ACTIVE:
                first = key_schedule.first_published_at(self.keys.values(), key.alg)
                assert may_sign(key, first, self.schedule.jwks_max_age, self.now)

    @invariant()
    def no_live_token_is_left_without_its_key(self):
        for kid, until in self.tokens.items():
            if self.now < until:
                assert self.keys[kid].state.is_published

    @invariant()
    def the_plan_is_settled_by_carrying_it_out(self):
        if not self.keys:
            return
        plan = due(self.keys.values(), self.schedule, self.now)
        assert plan == due(reversed(list(self.keys.values())), self.schedule, self.now)
        assert len(plan) == len(set(plan))
        for alg in ALGORITHMS:
            states = {key.state for key in self.keys.values() if key.alg == alg}
            changes = {transition.change for transition in plan if transition.alg == alg}
            # Without an active key, one is on its way.
            assert KeyState.ACTIVE in states or KeyState.NEXT in states or Change.PUBLISH in changes


KeyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestKeyLife = KeyLife.TestCase
