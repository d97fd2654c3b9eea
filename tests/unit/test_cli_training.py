"""What `freehold train`, `jobs` and `models` say of plans, rounds, absent owners and models that are held back."""

import io

import pytest
from rich.console import Console

from freehold.core import epsilons
from freehold.core.errors import InvalidInput
from freehold.features.grants import terminal as grants
from freehold.features.grants import wire as asking
from freehold.features.models import terminal as models
from freehold.features.models.rules import worth
from freehold.features.training import terminal, wire
from freehold.features.training.pages import train as form
from freehold.kernel.surface import Plain
from freehold.shell.cli import commands

OWNER, OTHER, JOB = "0x" + "ab" * 20, "0x" + "cd" * 20, "0x" + "12" * 32
SCORES = {
    "rows": 200, "correct": 184, "majority_correct": 120, "single_correct": 170, "auc_ppm": 951_000,
    "brier_ppm": 80_000, "calibration_ppm": 31_000,
}  # fmt: skip
PLANNED = {
    "rounds": 4, "uses": 5, "level": "noised", "epsilon_micro": 1_000_000, "delta_exponent": 5, "guess_ppm": 731_059,
    "compared": True, "accuracy_without_bps": 8_900, "accuracy_with_bps": 8_350, "share_error_bps": 310,
    "test_rows": 200, "positives": 80, "gas": 270_000, "spent_units": 0, "spend_per_act_micro": 0, "spend_per_day_micro": 5_000_000, "total_units": 2_500_000,
}  # fmt: skip


def job(**more):
    return {
        "id": JOB, "name": "risk", "step": "rounds", "round": 0, "rounds": 4, "absent": {}, "silent": {},
        "grants": {}, "scores": None, "model": None, "waiting": [], "error": None, "running": True, **more,
    }  # fmt: skip


def away(*rounds, why="does not answer"):
    return {"rounds": list(rounds), "code": "peer.unreachable", "why": why, "at": 1}


def told(lines):
    console = Console(record=True, width=240, file=io.StringIO())
    for line in lines:
        console.print(line, markup=False, highlight=False)
    return console.export_text()


def test_a_job_moves_forward_with_every_step_and_round():
    places = [
        terminal.progress(job(step=step, round=number))
        for step, number in (
            *(("plan", 0), ("grants", 0)),
            *(("rounds", number) for number in range(5)),
            *(("open", 4), ("value", 4), ("agree", 4), ("release", 4), ("done", 4)),
        )
    ]
    done = [at for _, at, _ in places]
    assert done == sorted(done)
    assert done[0] == 0
    assert {total for _, _, total in places} == {done[-1]}
    assert terminal.progress(job(step="withheld"))[1:] == places[-1][1:]
    assert set(terminal.STEPS) | {"withheld"} == set(terminal.DOING)


def test_only_who_is_away_now_stands_in_the_progress_line():
    absent = {OWNER: away(1), OTHER: away(1, 2)}
    line, *_ = terminal.progress(job(round=2, absent=absent))
    assert line == f"training, round 2 of 4 (away: {OTHER[:10]})"
    assert terminal.progress(job(round=3, absent=absent))[0] == "training, round 3 of 4"


def test_jobs_say_who_was_away_when_and_why_and_who_has_not_agreed():
    absent = {OWNER: away(1, 2, 3, 7), OTHER: away(why="the owner refused: not for this")}
    found = job(absent=absent, silent={OWNER: "training.wrong_contribution"}, scores=SCORES)
    said = told(terminal.listed({"jobs": [found]}))
    assert f"{OWNER[:10]} away in rounds 1 to 3, 7: does not answer" in said
    assert f"{OTHER[:10]} takes no part: the owner refused: not for this" in said
    assert f"{OWNER[:10]} has not agreed to the shares: training.wrong_contribution" in said
    assert "92.0%" in said
    crowd = {f"0x{number:040x}": away(1) for number in range(300)}
    released = told(terminal._released(job(model=JOB, grants={}, absent=absent, scores=SCORES)))
    assert f"{OTHER[:10]} takes no part: the owner refused: not for this" in released
    assert "and 290 more" in told(terminal.listed({"jobs": [job(absent=crowd)]}))
    assert told(terminal.listed({"jobs": []})).strip() == "no training jobs yet"


def test_what_an_owner_says_cannot_drive_the_terminal():
    said = told(terminal.listed({"jobs": [job(absent={OWNER: away(1, why="\x1b[2J[red]x")})]}))
    assert "\x1b" not in said
    assert "[red]x" in said


def test_a_model_that_is_held_back_says_how_good_it_is_and_how_to_release_it():
    error = terminal.stopped(job(step="withheld", running=False, scores={**SCORES, "correct": 118}))
    assert isinstance(error, terminal.TrainingWithheld)
    assert error.exit_code == 10
    assert "right on 118 of 200 test rows" in error.message
    assert "commoner label on 120" in error.message
    assert "direction on 170" in error.message
    assert f"freehold train --release {JOB[:10]}" in error.hint
    assert error.fields["job"] == JOB


def test_other_ends_keep_their_own_kinds():
    problem = {"title": "no quorum", "hint": "Start them.", "code": "training.nobody"}
    halted = terminal.stopped(job(running=False, error=problem))
    assert type(halted) is terminal.TrainingStopped
    assert "no quorum" in halted.message
    waits = terminal.stopped(
        job(step="grants", running=False, error=problem, waiting=[{"owner_name": "north"}])
    )
    assert type(waits) is terminal.TrainingWaits
    assert waits.fields["waiting"] == ["north"]


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("1", 1_000_000),
        ("0.5", 500_000),
        (".25", 250_000),
        ("4.", 4_000_000),
        ("0.000001", 1),
        (" 2 ", 2_000_000),
    ],
)
def test_an_epsilon_is_read_exactly(text, micro):
    assert epsilons.parse(text) == micro


@pytest.mark.parametrize(
    "text", ["", "0", ".", "-1", "1e3", "one", "0.0000001", "1,5", "\u0661", "99999", "nan"]
)
def test_what_is_no_epsilon_is_refused(text):
    with pytest.raises(InvalidInput, match="no epsilon"):
        epsilons.parse(text)


def test_the_summary_says_price_privacy_loss_and_test():
    said = "\n".join(terminal._summary(PLANNED, {"assets": ["a", "b"]}))
    for part in ("4 rounds, 5 uses", "$2.50", "epsilon of 1.", "74 times in 100", "83.5 %", "89.0 %", "± 3.1 points", "80 of label 1"):  # fmt: skip
        assert part in said
    assert "count once" in said
    assert "to everybody with the model's evidence" in said, "a test table does not stay secret"
    small = "\n".join(terminal._summary({**PLANNED, "compared": False}, {"assets": ["a", "b"]}))
    assert "cannot be told from strangers' rows" in small
    unwanted = "\n".join(
        terminal._summary({**PLANNED, "compared": False}, {"assets": ["a", "b"], "compare": False})
    )
    assert "a copy is paid like any other table." in unwanted
    assert "copies" not in "\n".join(terminal._summary(PLANNED, {"assets": ["a"]}))


def test_exact_updates_are_called_what_they_are():
    exact = {**PLANNED, "level": "update", "epsilon_micro": 0, "guess_ppm": 1_000_000}
    said = "\n".join(terminal._summary(exact, {"assets": ["a", "b"]}))
    assert "rows can be rebuilt" in said
    assert "epsilon of" not in said
    with pytest.raises(InvalidInput, match="no epsilon"):
        wire.TRAIN.taken({"assets": ["a"], "test": "t", "name": "n", "exact": True, "epsilon": "1"})


def test_what_was_not_said_is_left_to_the_node():
    typed = {"assets": ["a"], "name": "n", "exact": None, "epsilon": None, "compare": None, "rounds": 3}
    assert wire.TRAIN.taken(typed) == {"assets": ["a"], "name": "n", "rounds": 3}


def test_what_may_be_typed_is_bounded_alike_by_command_console_and_request():
    params = commands.built("training").commands["train"].params
    options = {one.name: one for one in params if one.param_type_name == "option"}
    for typed in wire.TRAIN.fields.values():
        if typed.bounds != (None, None) and typed.face in options and typed.surface == Plain():
            least, most = typed.bounds
            scale, option = typed.flag.scale, options[typed.face]
            assert (option.min * scale, option.max * scale) == (least, most), typed.name
    assert {name: form.MOST[name] for name in ("rounds", "quorum", "weight_cap")} == {
        "rounds": 200,
        "quorum": 100,
        "weight_cap": 100,
    }
    assert (form.USUAL["price"], form.USUAL["quorum"], form.USUAL["rounds"]) == (1_000, 51, None)


# models


def part(**more):
    return {
        "account": OWNER, "name": "north", "share_bps": 6_000, "value_ppm": 600_000, "error_ppm": 31_000,
        "agreed": True, "away": 2, "without_correct": 170, "rows": 80, **more,
    }  # fmt: skip


def model(**more):
    return {
        "id": JOB, "name": "risk", "description": "about risk", "price_units": 20_000, "price_per": "use",
        "per": "call", "rows_per_call": 1_000, "round_to": 6,
        "metrics": {**SCORES, "accuracy_bps": [8_740, 9_510], "auc_bps": [9_210, 9_810]},
        "privacy": {"level": "noised", "epsilon_micro": 4_000_000, "delta_exponent": 5, "guess_ppm": 982_014},
        "contribution": [part(), part(account=OTHER, name="south", share_bps=4_000, agreed=False, without_correct=186)],
        "earlier_runs": ["0x" + "77" * 32], **more,
    }  # fmt: skip


def test_a_model_shows_its_figures_beside_their_baselines_and_its_privacy():
    said = told(models._details(model()))
    for text in (
        "92.0% (184 of 200 test rows)", "87.4 to 95.1 %", "60.0% by always giving the commoner label",
        "85.0% by the best single owner's direction", "0.951", "92.1 to 98.1 %", "epsilon of 4.", "99 times in 100",
        "± 3.1 points", "-14", "+2", "not agreed to the shares: south", "0x77777777",
    ):  # fmt: skip
        assert text in said, text
    assert worth.ROWS_ALONE not in said


def test_shares_that_follow_rows_alone_say_so():
    noise = [part(value_ppm=10_000, error_ppm=9_000), part(value_ppm=-5_000, error_ppm=9_000)]
    assert worth.ROWS_ALONE in told(models._details(model(contribution=noise)))


def test_rows_that_are_not_known_are_left_blank():
    assert "None" not in told(models._details(model(contribution=[part(rows=None)])))


def test_a_request_for_a_run_says_what_its_owner_is_told_to_weigh():
    run = {
        "level": "noised", "epsilon_micro": 1_000_000, "delta_exponent": 5, "rows_each": 1, "rounds": 3, "judge": "",
        "owners": [{"account": OWNER, "name": "north", "rows": 300}, {"account": OTHER, "name": "south", "rows": 80}],
        "test_rows": 149, "test_positives": 52, "test_holder": JOB[:42], "earlier_runs": [JOB], "left_micro": 3_810_448,
    }  # fmt: skip
    asked = {
        "id": JOB, "state": "waiting", "holder": JOB[:42], "holder_name": "builder", "asset_name": "north", "offer": None,
        "purposes": ["model-training"], "max_uses": 3, "total_units": 0, "expires_at": 1, "asked_at": 1, "reason": "",
        "training": run,
    }  # fmt: skip
    said = " ".join(told(grants.VIEWS[asking.REQUESTS]({"requests": [asked], "asked": []})).split())
    assert (
        "1 other owner, 380 rows in all, measured on 149 rows, 52 of label 1, kept by who asks; 1 run used"
        in said
    )
    run["test_holder"] = OTHER
    assert f"by {OTHER[:10]};" in told(grants.VIEWS[asking.REQUESTS]({"requests": [asked], "asked": []}))


def test_an_older_model_shows_what_is_known_of_it():
    old = {**model(metrics=None), "contribution": [], "earlier_runs": []}
    del old["privacy"]
    said = told(models._details(old))
    assert "accuracy" not in said
    assert "$0.02 per call, at most 1,000 rows a call" in said
