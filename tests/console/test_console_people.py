"""People of one node: each acts within a role, and what they did, or typed too late, is kept for them alone."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

import httpx
import pytest
from console_node import Console
from node_process import PASSPHRASE
from node_world import World, free_port, until
from slow_world import enter, open_node
from web_browser import PASSWORD, Browser, owner

from freehold.kernel.registry import everything
from freehold.kernel.web.powers import POWERS, WHO, Power, Role
from freehold.kernel.web.visit import Page
from freehold.shell.web.pages import backup, people, settings
from freehold.shell.web.unsent import MOST


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory) -> Iterator[Console]:
    made = open_node(tmp_path_factory.mktemp("people") / "node", world.rpc_url)
    yield made
    log = made.log()
    assert "Traceback" not in log, log[-5_000:]
    assert PASSWORD not in log
    assert made.stop() == 0


def code_of(browser: Browser) -> str:
    found = re.search(r'<code class="once">([^<]+)</code>', browser.get("/console/settings/people").text)
    assert found
    return found[1]


def invited(node: Console, name: str, role: Role) -> Browser:
    """Somebody who was invited, chose a password with the code and is logged in."""
    inviting = owner(node)
    assert inviting.act("/settings/people", person=name, role=role.value).status_code == 303
    code = code_of(inviting)
    assert code not in inviting.get("/console/settings/people").text, "it is shown once"
    person = Browser(node)
    # read out, it is written in other letters and groups
    typed = code.upper().replace("-", " ")
    form = {"person": name, "code": typed, "password": PASSWORD, "again": PASSWORD}
    answer = person.post("/console/enter/code", data=form)
    assert answer.status_code == 303, answer.text
    assert Browser(node).post("/console/enter/code", data=form).status_code == 403, "it works once"
    assert code not in node.log()
    return person


@pytest.fixture(scope="module")
def crew(node: Console) -> dict[Role, Browser]:
    """One person of each role."""
    return {
        role: invited(node, name, role)
        for role, name in ((Role.DECIDER, "Dora"), (Role.FINANCE, "Felix"), (Role.AUDITOR, "Agnes"))
    }


def acts() -> list[Page]:
    pages = chain(people.PAGES, settings.PAGES, backup.PAGES, everything().every("pages"))
    return [one for one in pages if one.method == "POST"]


def address(page: Page) -> str:
    return "/console" + re.sub(r"{\w+}", "0x" + "ab" * 32, page.path)


@pytest.mark.parametrize("role", [Role.DECIDER, Role.FINANCE, Role.AUDITOR])
def test_no_act_beyond_the_role_is_done_by_whatever_address(node, crew, role):
    person, config = crew[role], (node.home / "config.toml").read_bytes()
    token, log = person.token, node.api("/log")["size"]
    refused = [one for one in acts() if one.needs not in POWERS[role]]
    assert {one.needs for one in refused} == set(Power) - POWERS[role]
    for page in refused:
        if page.takes_file:
            answer = person.post(
                address(page), data={"csrf": token}, files={"file": ("a.csv", b"a,b\n1,2\n")}
            )
        else:
            answer = person.post(address(page), data={"csrf": token, "person": "Agnes", "role": "decider"})
        assert answer.status_code == 403, page.path
        assert "your role does not allow this" in answer.text.lower()
        assert str(WHO[page.needs]) in answer.text
    assert (node.home / "config.toml").read_bytes() == config
    assert node.api("/log")["size"] == log
    assert not (node.home / "uploads").exists() or not list((node.home / "uploads").iterdir())
    assert "Agnes" in owner(node).get("/console/settings/people").text
    for page in acts():
        if page.needs in POWERS[role] and page.needs is not Power.LOOK and not page.takes_file:
            answer = person.post(address(page), data={"csrf": token})
            assert "your role does not allow this" not in answer.text.lower(), page.path


def test_every_act_says_what_it_takes_and_what_the_trail_calls_it():
    for page in acts():
        assert page.words, page.path
    needs = {one.path: one.needs for one in acts()}
    assert needs["/requests/{request}/accept"] is Power.DECIDE
    assert needs["/collect"] is Power.PAY
    assert needs["/settings/people"] is needs["/backup"] is needs["/settings"] is Power.MANAGE
    assert all(Power.LOOK in powers for powers in POWERS.values())


def test_an_auditor_sees_every_page_and_no_form_that_is_not_theirs(node, crew):
    person = crew[Role.AUDITOR]
    may_post = {one.path for one in acts() if one.needs is Power.LOOK} | {"/theme", "/leave", "/reading"}
    seen = 0
    for page in [*everything().every("pages"), *people.PAGES, *settings.PAGES, *backup.PAGES]:
        if page.method != "GET" or "{" in page.path:
            continue
        answer = person.get("/console" + page.path, follow_redirects=True)
        if page.needs is not Power.LOOK or (answer.history and answer.status_code == 403):
            # or an address of before, which leads to such a page
            assert answer.status_code == 403, page.path
            continue
        # a report that nobody made yet is not there
        assert answer.status_code == (404 if page.path == "/verify/report" else 200), page.path
        assert 'type="password"' not in answer.text, page.path
        for form in re.findall(r"<form\b[^>]*>", answer.text):
            if 'method="post"' in form:
                path = re.search(r'action="/console([^"]*)"', form)[1]
                assert any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path) for one in may_post), (
                    page.path,
                    path,
                )
        buttons = {
            found[1]
            for link in re.findall(r"<a\b[^>]*>", answer.text)
            if 'class="button' in link and (found := re.search(r'href="/console([^"#?]*)', link))
        }
        assert not buttons & {"/backup", "/publish", "/train", "/market/nodes"}, page.path
        seen += 1
    assert seen > 10


def test_an_order_of_another_session_leads_back_to_where_one_is_begun(node, crew):
    """The trail leads to it, for those who order; others are not shown the way."""
    payer = crew[Role.FINANCE]
    answer = payer.get("/console/train/3Msylu3EDPJC")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/train")
    assert "This order is no longer here" in payer.get("/console/train").text
    assert crew[Role.AUDITOR].get("/console/train/3Msylu3EDPJC").status_code == 403


def test_who_is_removed_is_out_at_once_and_a_new_role_counts_at_the_next_request(node):
    person = invited(node, "Rita", Role.FINANCE)
    with person.stream("GET", "/console/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        assert owner(node).act("/settings/people/role", person="Rita", role="auditor").status_code == 303
        assert "event: end" in lines, "an open page is told"
    assert person.get("/console/settings").status_code == 303
    person.log_in("Rita")
    assert person.act("/collect").status_code == 403
    owner(node).act("/settings/people/remove", person="Rita")
    assert person.get("/console/").headers["location"] == "/console/enter"
    assert (
        Browser(node).post("/console/enter", data={"person": "Rita", "passphrase": PASSWORD}).status_code
        == 403
    )
    shown = owner(node).get("/console/trail").text
    assert "Rita" in shown, "what they did stays"


@pytest.mark.parametrize(
    ("path", "lost"),
    [("/settings/people/role", {"role": "auditor"}), ("/settings/people/remove", {}), ("/settings/people/reset", {})],
)  # fmt: skip
def test_a_form_that_arrives_while_its_sender_loses_the_role_does_nothing(node, path, lost):
    name = {"role": "Sanna", "remove": "Selma", "reset": "Signe"}[path.rsplit("/", 1)[1]]
    person, boss = invited(node, name, Role.FINANCE), owner(node)
    token, form = person.token, {"content-type": "application/x-www-form-urlencoded"}
    assert person.act("/collect").headers["location"] == "/console/collected"
    before = node.api("/people")

    def slowly() -> Iterator[bytes]:
        yield f"csrf={token}".encode()
        time.sleep(0.3)
        assert boss.act(path, person=name, **lost).status_code == 303
        yield b"&x=typed"

    late = person.post("/console/collect", content=slowly(), headers=form)
    assert (late.status_code, late.headers["location"]) == (303, "/console/enter")
    assert node.api("/people") != before
    boss.get("/console/settings/people")  # which shows the code of a reset


def test_one_person_has_two_files_on_their_way_and_no_more(node, crew):
    person, folder = crew[Role.AUDITOR], node.home / "uploads"
    form = {"content-type": "multipart/form-data; boundary=x"}
    head = f'--x\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{person.token}\r\n'
    head += '--x\r\ncontent-disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    done, sent = threading.Event(), []

    def slowly() -> Iterator[bytes]:
        yield head.encode()
        done.wait(8)
        yield b"no zip\r\n--x--\r\n"

    def send() -> None:
        length = str(len(head) + len("no zip\r\n--x--\r\n"))
        sent.append(
            person.post("/console/verify", content=slowly(), headers=form | {"content-length": length})
        )

    sending = [threading.Thread(target=send) for _ in range(2)]
    for one in sending:
        one.start()
    until(lambda: len(list(folder.glob("*.part"))) == 2, "two files arrive", 8)
    third = person.post(
        "/console/verify", data={"csrf": person.token}, files={"file": ("a.zip", b"x" * 1_000)}
    )
    assert third.status_code == 503
    assert "still on their way" in third.text
    assert owner(node).get("/console/verify").status_code == 200
    done.set()
    for one in sending:
        one.join()
    assert {one.status_code for one in sent} == {303}
    until(lambda: not list(folder.glob("*.part")), "nothing stays", 20)


@pytest.mark.slow
def test_who_only_looks_keeps_nobody_waiting_by_asking_much_at_once(node, crew, world, tmp_path):
    silent = open_node(tmp_path / "silent", world.rpc_url)
    node.api("/peers", {"url": silent.origin})
    person = crew[Role.AUDITOR]
    asked, form = dict(person.kept), {"csrf": person.token}

    def look_again() -> None:
        one = Browser(node)
        one.kept = dict(asked)
        with suppress(httpx.TimeoutException):
            one.post("/console/market/nodes/look", data=form)

    asking = [threading.Thread(target=look_again) for _ in range(60)]
    os.kill(silent.pid, signal.SIGSTOP)
    try:
        for one in asking:
            one.start()
        time.sleep(1)
        assert owner(node).get("/console/health", timeout=15).status_code == 200
        assert crew[Role.FINANCE].get("/console/health", timeout=15).status_code == 200
    finally:
        os.kill(silent.pid, signal.SIGCONT)
        for one in asking:
            one.join()
        node.api("/peers/forget", {"url": silent.origin})
        assert silent.stop() == 0


def test_a_code_waits_until_a_page_is_shown(node):
    boss = owner(node)
    assert boss.act("/settings/people", person="Walter", role="auditor").status_code == 303
    address = "/console/settings/people"
    # a page that refreshes itself, a look ahead, and a picture on a page of another port of this machine
    for how in ({"x-freehold-live": "1"}, {"sec-purpose": "prefetch"}, {"sec-fetch-dest": "image", "sec-fetch-site": "same-site"}):  # fmt: skip
        assert 'class="once"' not in boss.get(address, headers=how).text, how
    assert boss.head(address).status_code == 200
    assert code_of(boss)
    assert 'class="once"' not in boss.get(address).text


def test_what_was_not_done_is_no_act_of_the_trail(node, crew):
    person, boss = crew[Role.DECIDER], owner(node)
    before = boss.get("/console/trail?format=csv").text.count("\n")
    acts_of_nothing = (
        ("/requests", {}),
        ("/requests", {"request": "0xab", "decision": "accept"}),
        ("/publish/gone/finish", {"revision": "1"}),
        ("/publish/gone/cancel", {}),
    )
    for path, form in acts_of_nothing:
        assert person.act(path, **form).status_code == 303, path
    assert boss.get("/console/trail?format=csv").text.count("\n") == before


def test_what_a_trouble_met_half_way_stands_in_the_trail_as_not_known(node):
    boss = owner(node)
    # nobody listens there
    url = f"http://127.0.0.1:{free_port()}/hook"
    assert boss.act("/settings/notifications/webhook", url=url).status_code == 303
    assert boss.act("/settings/notifications/test", channel="webhook").status_code == 303
    newest = boss.get("/console/trail?format=csv").text.splitlines()[1]
    assert newest.endswith('"Sent a test notification","unknown"')
    assert "Not known" in boss.get("/console/trail").text
    boss.act("/settings/notifications/forget", channel="webhook")


def test_a_form_that_waits_says_which_act_it_would_do(node):
    person, inviting = invited(node, "Wilma", Role.DECIDER), owner(node)
    token = person.token
    inviting.act("/settings/people/role", person="Wilma", role="auditor")
    asked = person.post(
        "/console/requests/0xab/refuse", data={"csrf": token, "reason": "too little", "revision": "7"}
    )
    assert asked.headers["location"] == "/console/enter"
    answer = person.post("/console/enter", data={"person": "Wilma", "passphrase": PASSWORD})
    assert answer.headers["location"] == "/console/unsent"
    shown = person.get("/console/unsent").text
    assert "“Who did what” will say: Refused a request" in shown
    assert re.search("<dt>Why</dt>.*too little", shown), "as the page of the form calls it"
    assert "Revision" not in shown


def test_a_reset_ends_sessions_and_the_password_of_before(node):
    person, inviting = invited(node, "Otto", Role.DECIDER), owner(node)
    inviting.act("/settings/people/reset", person="Otto")
    assert code_of(inviting)
    assert person.get("/console/").status_code == 303
    assert (
        Browser(node).post("/console/enter", data={"person": "Otto", "passphrase": PASSWORD}).status_code
        == 403
    )


def test_a_session_is_new_at_each_log_in_and_of_one_person(node, crew):
    fixed = Browser(node)
    fixed.kept = dict(crew[Role.AUDITOR].kept)
    before = dict(fixed.kept)
    enter_again = fixed.post("/console/enter", data={"passphrase": PASSPHRASE})
    assert enter_again.status_code == 303
    assert fixed.kept != before, "what was planted is no session"
    planted = Browser(node)
    planted.kept = before
    assert planted.get("/console/settings").status_code == 303, "and the one of before is over"
    crew[Role.AUDITOR].log_in("Agnes")
    assert crew[Role.AUDITOR].token != fixed.token


@pytest.mark.parametrize(
    "taken",
    ["agnes", "AGNES ", "\u0410gnes", "Owner", "0wner", "the owner", "North", "Agnes\u200b", "<b>", ""],
)
def test_nobody_takes_a_name_that_is_mistaken_for_anothers(node, crew, taken):
    answer = owner(node).act("/settings/people", person=taken, role="auditor")
    assert answer.status_code in (409, 422)
    assert crew[Role.AUDITOR].get("/console/settings").status_code == 200


def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nothing(node, crew):
    guesser, answers, times = Browser(node), [], []
    for name in ("Dora", "Nobody at all"):
        began = time.perf_counter()
        answers.append(
            guesser.post("/console/enter", data={"person": name, "passphrase": "guess guess guess"})
        )
        times.append(time.perf_counter() - began)
        again = guesser.post("/console/enter", data={"person": name, "passphrase": PASSWORD})
        assert again.status_code == 429, "even the right one has to wait"
    known, unknown = (one.text.replace("Dora", "X").replace("Nobody at all", "X") for one in answers)
    assert answers[0].status_code == answers[1].status_code == 403
    assert known == unknown
    assert max(times) < 20 * min(times)
    time.sleep(1.1)
    shown = owner(node).get("/console/trail").text
    assert "Failed to log in" in shown
    assert "Nobody at all" not in shown, "what was typed may be a password"


def test_the_trail_says_who_did_what_and_nothing_that_was_typed(node, crew):
    boss = owner(node)
    boss.act("/settings", name="North", endpoint="", console_idle_minutes="33")
    shown = boss.get("/console/trail").text
    assert "Changed the settings" in shown
    assert "Refused" in shown
    table = boss.get("/console/trail?format=csv").text
    assert PASSWORD not in table
    assert "33" not in [cell for row in table.splitlines() for cell in row.split(",")]
    only = boss.get("/console/trail?format=csv&who=owner").text
    assert "Changed the settings" in only
    assert "Agnes" not in only
    assert crew[Role.AUDITOR].get("/console/trail?format=csv").text.count("\n") > 3


SETTINGS = {
    "name": "Typed with care",
    "endpoint": "",
    "console_idle_minutes": "44",
    "passphrase": "never kept",
}


def test_a_form_after_the_session_is_shown_to_its_author_and_sent_again(node):
    browser = Browser(node)
    browser.post("/console/enter", data={"passphrase": PASSPHRASE})
    token = browser.token
    browser.act("/leave")
    late = browser.post("/console/settings", data={**SETTINGS, "csrf": token})
    assert (late.status_code, late.headers["location"]) == (303, "/console/enter")
    assert "Typed with care" not in (node.home / "config.toml").read_text()

    other = Browser(node)
    other.kept = dict(browser.kept)
    assert other.get("/console/unsent").headers["location"].startswith("/console/enter"), (
        "nobody without a log-in"
    )

    back = browser.post("/console/enter", data={"passphrase": PASSPHRASE})
    assert back.headers["location"] == "/console/unsent"
    page = browser.get("/console/unsent").text
    assert "Typed with care" in page
    assert "never kept" not in page
    fields = dict(
        re.findall(
            r'<input type="hidden" name="(\w+)" value="([^"]*)"',
            page.split('action="/console/settings"')[1].split("</form>")[0],
        )
    )
    assert fields.pop("csrf") != token
    assert browser.act("/settings", **{**fields, "name": "North"}).status_code == 303
    assert browser.get("/console/unsent").headers["location"] == "/console/", "it is forgotten"


def test_nobody_else_gets_what_somebody_typed(node):
    writer = invited(node, "Wanda", Role.DECIDER)
    token = writer.token
    writer.act("/leave")
    assert (
        writer.post(
            "/console/requests/0xab/refuse", data={"csrf": token, "note": "a secret plan"}
        ).status_code
        == 303
    )
    assert writer.kept
    thief = Browser(node)
    thief.kept = dict(writer.kept)
    thief.post("/console/enter", data={"passphrase": PASSPHRASE})
    assert "a secret plan" not in thief.get("/console/unsent", follow_redirects=True).text
    # and not by the other's token within one's own session
    late = thief.post("/console/settings", data={"csrf": token, "name": "a secret plan"})
    assert late.status_code == 403
    assert "a secret plan" not in late.text


def test_what_waits_is_bounded_and_comes_from_this_console_only(node):
    stranger = Browser(node)
    planted = stranger.post(
        "/console/settings", data={"name": "planted"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert planted.status_code == 403
    assert not stranger.kept
    large = stranger.post("/console/settings", data={"name": "x" * 70_000})
    assert large.status_code == 413
    writer = Browser(node)
    writer.post("/console/enter", data={"passphrase": PASSPHRASE})
    token = writer.token
    tokens = []
    for number in range(MOST + 3):
        one = Browser(node)
        one.post("/console/settings", data={"name": f"number {number}", "csrf": token})
        tokens.append(one.kept)
    found = []
    for kept in (tokens[0], tokens[-1]):
        one = Browser(node)
        one.kept = dict(kept)
        one.post("/console/enter", data={"passphrase": PASSPHRASE})
        found.append("number" in one.get("/console/unsent", follow_redirects=True).text.split("<main")[1])
    assert found == [False, True], "the oldest is forgotten"


@pytest.mark.parametrize("made_up", ["", "x" * 43, "\u00e9", "=" * 43, "another's"])
def test_what_somebody_else_sent_waits_in_nobodys_browser(node, crew, made_up):
    """A page of another port of this machine may plant cookies, and anybody here may send a form without a log-in."""
    stranger = Browser(node)
    stranger.kept = dict.fromkeys(owner(node).kept, "y" * 43)
    token = crew[Role.AUDITOR].token if made_up == "another's" else made_up
    form = {"person": "Mallory", "role": "decider", **({"csrf": token} if token else {})}
    assert stranger.post("/console/settings/people", data=form).headers["location"] == "/console/enter"
    victim = Browser(node)
    victim.kept = dict(stranger.kept)
    entered = victim.post("/console/enter", data={"passphrase": PASSPHRASE})
    assert entered.headers["location"] == "/console/"
    assert "Mallory" not in victim.get("/console/unsent", follow_redirects=True).text


def test_an_old_token_changes_nothing_and_loses_nothing(node):
    browser = owner(node)
    late = browser.post("/console/settings", data={"csrf": "x" * 43, "name": "Kept for you"})
    assert late.status_code == 403
    assert "Kept for you" in late.text, re.sub(r"<[^>]+>|\s+", " ", late.text)
    assert "Send it again" in late.text
    assert "Kept for you" not in (node.home / "config.toml").read_text()


def test_the_owner_is_not_kept_out_by_who_guesses_at_people(node):
    guesser = Browser(node)
    for number in range(34):
        answer = guesser.post("/console/enter", data={"person": f"nobody {number}", "passphrase": "guess"})
    assert answer.status_code == 429, "all names together are slowed too"
    assert enter(node.origin).status_code == 303


def test_the_command_line_invites_changes_and_removes_and_that_counts_at_once(node):
    made = node.api("/people", {"name": "Carla", "role": "auditor"})
    person = Browser(node)
    form = {"person": "Carla", "code": made["code"], "password": PASSWORD, "again": PASSWORD}
    assert person.post("/console/enter/code", data=form).status_code == 303
    assert person.get("/console/settings").status_code == 200
    (shown,) = [one for one in node.api("/people")["people"] if one["name"] == "Carla"]
    assert (shown["role"], shown["waits"]) == ("auditor", False)
    node.api("/people/role", {"name": "Carla", "role": "finance"})
    assert person.get("/console/settings").status_code == 303
    assert node.api("/people/reset", {"name": "carla"})["code"] != made["code"]
    assert not [
        one for one in node.api("/people/remove", {"name": "Carla"})["people"] if one["name"] == "Carla"
    ]
    assert made["code"] not in node.log()
