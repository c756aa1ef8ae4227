"""Work in a thread of its own: begun once, outlives its failures, done once more at the end."""

import threading

from structlog.testing import capture_logs

from idp.periodic import Periodic


def test_it_works_on_after_a_failure_and_says_so():
    calls = []
    again = threading.Event()

    def work():
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            raise OSError("secret words")
        again.set()

    periodic = Periodic("sweeping", work, every=0.01)
    with capture_logs() as logs:
        periodic.begin()
        periodic.begin()
        assert again.wait(5)
    periodic.stop()

    assert set(calls) == {"sweeping"}
    assert logs == [{"event": "background_work_failed", "work": "sweeping", "cause": "OSError", "log_level": "warning"}]


def test_it_works_once_more_when_it_is_stopped():
    calls = []
    periodic = Periodic("sweeping", lambda: calls.append(1), every=60)
    periodic.begin()
    periodic.stop()
    assert calls == [1]


def test_what_never_began_has_nothing_to_end():
    calls = []
    Periodic("sweeping", lambda: calls.append(1), every=60).stop()
    assert calls == []
