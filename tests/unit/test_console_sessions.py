"""Sessions end in time, and passphrases can be tried ever more slowly only."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from freehold.core.errors import InvalidInput, NotAllowed
from freehold.kernel.web.powers import OWNER, Person, Role
from freehold.shell.web.sessions import ABSOLUTE_SECONDS, MAX_SESSIONS, Attempts, Sessions, TooManyAttempts


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class Closed:
    closed = False

    def close(self):
        self.closed = True


def test_idle_and_absolute_expiry():
    clock = Clock()
    sessions = Sessions(600, clock)
    token, session = sessions.begin()
    kept = session.kept["draft"] = Closed()
    clock.now += 599
    assert sessions.find(token) is session
    clock.now += 599
    assert sessions.find(token, used=False) is session, "a page that refreshes itself is no use"
    clock.now += 2
    assert sessions.find(token) is None
    assert session.ended
    assert kept.closed
    assert session.kept == {}, "who still holds it finds nothing of what was typed"

    token, session = sessions.begin()
    for _ in range(ABSOLUTE_SECONDS // 500):
        assert sessions.find(token) is session
        clock.now += 500
    clock.now += 500
    assert sessions.find(token) is None, "however much it was used"


@pytest.mark.parametrize(("seconds", "alive"), [(599.999, True), (600.0, False), (600.001, False)])
@pytest.mark.parametrize("used", [True, False])
def test_a_session_is_over_exactly_at_the_idle_limit(seconds, alive, used):
    clock = Clock()
    sessions = Sessions(600, clock)
    token, session = sessions.begin()
    clock.now += seconds
    assert (sessions.find(token, used=used) is session) is alive
    assert session.ended is not alive


@pytest.mark.parametrize(("early", "alive"), [(0.001, True), (0.0, False)])
def test_and_exactly_at_the_absolute_one_however_much_it_is_used(early, alive):
    clock = Clock()
    sessions = Sessions(ABSOLUTE_SECONDS + 1, clock)
    token, session = sessions.begin()
    clock.now += ABSOLUTE_SECONDS - early
    assert (sessions.find(token) is session) is alive


def test_whose_a_form_is_its_token_says_also_after_a_restart():
    dora = Person("Dora", Role.DECIDER, "ab" * 16)
    before, after, other = (Sessions(600, key=lambda made=made: made) for made in (b"a", b"a", b"b"))
    for person in (OWNER, dora):
        _, session = before.begin(person)
        token = session.csrf
        assert len(token) == 43
        assert [after.is_of(token, one.id) for one in (OWNER, dora)] == [person is OWNER, person is dora]
        assert not other.is_of(token, person.id)
        for wrong in ("", "x", token[:-1], token + "A", token[:-1] + "\u00e9", "A" * 43):
            assert not after.is_of(wrong, person.id)


def test_log_out_and_bounds():
    sessions = Sessions(600)
    token, session = sessions.begin()
    other, _ = sessions.begin()
    assert token != other
    assert len(token) >= 43
    sessions.end(token)
    assert session.ended
    assert sessions.find(token) is None
    assert sessions.find(other)
    made = [sessions.begin()[0] for _ in range(MAX_SESSIONS + 3)]
    assert sum(1 for one in made if sessions.find(one)) == MAX_SESSIONS
    sessions.end_all()
    assert not any(sessions.find(one) for one in made)


def test_attempts_slow_down_and_recover():
    clock = Clock()
    attempts = Attempts(clock)
    tried = []

    def wrong():
        tried.append(clock.now)
        raise NotAllowed("wrong")

    waits = []
    for _ in range(12):
        with pytest.raises(NotAllowed):
            attempts.make(wrong)
        with pytest.raises(TooManyAttempts) as refused:
            attempts.make(lambda: tried.append("never"))
        waits.append(refused.value.fields["wait_seconds"])
        clock.now += refused.value.fields["wait_seconds"]
    assert "never" not in tried
    assert waits[:4] == [2, 3, 5, 9]
    assert waits[-1] == 301, "the longest wait is bounded"
    attempts.make(lambda: None)
    with pytest.raises(NotAllowed):
        attempts.make(wrong)
    with pytest.raises(TooManyAttempts) as refused:
        attempts.make(wrong)
    assert refused.value.fields["wait_seconds"] == 2, "a success forgives"


def test_who_guesses_for_a_day_gets_nine_guesses_in_five_minutes_and_then_one():
    clock = Clock()
    attempts = Attempts(clock)
    tried = []

    def wrong():
        tried.append(clock.now)
        raise NotAllowed("wrong")

    ends = clock.now + 86_400
    while clock.now < ends:
        with pytest.raises(NotAllowed):
            attempts.make(wrong)
        clock.now += 1
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert gaps[:4] == [1, 2, 4, 8]
    assert sum(at < tried[0] + 300 for at in tried) == 9
    assert set(gaps[9:]) == {300}
    assert len(tried) <= 86_400 / 300 + 10


def test_guesses_at_the_same_time_are_one_after_the_other():
    clock = Clock()
    attempts, tried, refused = Attempts(clock), [], []

    def wrong():
        tried.append(1)
        time.sleep(0.05)
        raise NotAllowed("wrong")

    def guess():
        try:
            attempts.make(wrong)
        except TooManyAttempts:
            refused.append(1)
        except NotAllowed:
            pass

    with ThreadPoolExecutor(20) as pool:
        for _ in range(20):
            pool.submit(guess)
    assert (len(tried), len(refused)) == (1, 19)


def test_other_errors_are_no_guesses():
    attempts = Attempts(Clock())
    for _ in range(3):
        with pytest.raises(InvalidInput):
            attempts.make(lambda: (_ for _ in ()).throw(InvalidInput("chain away")))


def test_what_is_kept_after_the_end_is_closed_at_once():
    sessions = Sessions(600)
    token, session = sessions.begin()
    early, late = Closed(), Closed()
    session.kept["early"] = early
    sessions.end(token)
    session.kept["late"] = late
    assert early.closed
    assert late.closed, "a request that was under way leaves nothing behind"
    assert session.kept == {}
    passing = Closed()
    assert session.kept.setdefault("passing", passing) is passing
    assert session.kept == {}
