"""Signed notes and checkpoints: what a stranger's verifier accepts, and what it must refuse."""

from base64 import b64encode

import pytest

from freehold.log import note
from freehold.log.checkpoint import Checkpoint, InvalidCheckpoint
from freehold.log.note import COSIGNATURE_V1, InvalidNote, NoteNotSigned, Signer, VerifierKey

LOG = Signer.from_seed("freehold/0xabc", bytes(range(32)))
WITNESS = Signer.from_seed("witness.example/w1", b"w" * 32, kind=COSIGNATURE_V1)
TEXT = Checkpoint("freehold/0xabc", 7, b"r" * 32).format()


def test_signed_checkpoint_opens_with_its_key_and_no_other():
    signed = note.sign(TEXT, LOG)
    opened = note.open_note(signed, [str(LOG.key)])
    assert Checkpoint.parse(opened.text, origin="freehold/0xabc") == Checkpoint(
        "freehold/0xabc", 7, b"r" * 32
    )
    assert opened.verified == {LOG.key: None}
    stranger = Signer.from_seed("freehold/0xabc", b"s" * 32).key
    with pytest.raises(NoteNotSigned):
        note.open_note(signed, [stranger])


def test_cosignature_states_its_time_and_is_checked_with_it():
    both = note.sign(TEXT, LOG) + WITNESS.line(TEXT, time=1_700_000_000)
    opened = note.open_note(both.encode(), [LOG.key, WITNESS.key])
    assert [(key.name, time) for key, time in opened.verified.items()] == [
        ("freehold/0xabc", None),
        ("witness.example/w1", 1_700_000_000),
    ]
    alone = note.open_note(both, [WITNESS.key])
    assert [line.name for line in alone.ignored] == ["freehold/0xabc"]

    lines = note.parse_note(both).signatures
    later = (1_700_000_001).to_bytes(8) + lines[1].signature[8:]
    forged = both.splitlines()[-1].replace(
        b64encode(lines[1].key_id + lines[1].signature).decode(), b64encode(lines[1].key_id + later).decode()
    )
    with pytest.raises(NoteNotSigned):
        note.open_note("\n".join([*both.splitlines()[:-1], forged, ""]), [LOG.key, WITNESS.key])


def test_a_bad_signature_of_a_known_key_refuses_a_note_another_key_signed():
    good = note.sign(TEXT, LOG)
    foreign = note.sign("other text\n", WITNESS, time=5).rpartition("\n\n")[2]
    with pytest.raises(NoteNotSigned):
        note.open_note(good + foreign, [LOG.key, WITNESS.key])
    # Of a key nobody trusts, the same line is ignored.
    assert len(note.open_note(good + foreign, [LOG.key]).ignored) == 1


def test_a_key_counts_once_however_often_it_signed():
    twice = note.sign(TEXT, LOG) + LOG.line(TEXT)
    assert len(note.open_note(twice, [LOG.key]).verified) == 1


def test_the_text_may_hold_empty_lines_and_ends_at_the_last_one():
    text = "first\n\n\nsecond\n"
    assert note.open_note(note.sign(text, LOG), [LOG.key]).text == text


def test_one_ed25519_key_under_two_types_has_two_ids_and_no_shared_signature():
    plain = Signer.from_seed("same", b"k" * 32)
    witness = Signer.from_seed("same", b"k" * 32, kind=COSIGNATURE_V1)
    assert plain.key.key_id != witness.key.key_id
    with pytest.raises(NoteNotSigned):
        note.open_note(note.sign(TEXT, plain), [witness.key])


def test_a_signer_never_shows_its_seed():
    assert bytes(range(32)).hex() not in repr(LOG)
    assert "_private" not in repr(LOG)


GOOD = note.sign(TEXT, LOG)
LINE = GOOD.splitlines()[-1]


@pytest.mark.parametrize(
    "broken",
    [
        "",
        TEXT,
        TEXT + "\n",
        GOOD[:-1],
        GOOD[:-1] + "!",
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("7", "7\t"),
        GOOD.replace("7\n", "7\r\n"),
        GOOD + "no signature line\n",
        GOOD.replace("\N{EM DASH} ", "- "),
        GOOD.replace("0xabc ", "0x+abc "),
        GOOD.replace(f"{LINE}\n", f"{LINE} \n"),
        GOOD.replace(f"{LINE}\n", f"{LINE}=\n"),
        GOOD.replace(f"{LINE}\n", "\N{EM DASH} name AAAA\n"),
        GOOD.replace(f"{LINE}\n", "\N{EM DASH} name\n"),
        GOOD.replace(f"{LINE}\n", "\N{EM DASH}  " + LINE.rpartition(" ")[2] + "\n"),
        GOOD + f"{LINE}\n" * note.MAX_SIGNATURES,
        "x" * (note.MAX_NOTE_BYTES + 1),
        GOOD.encode() + b"\xff\n",
    ],
)
def test_malformed_notes_are_refused_before_any_signature_counts(broken):
    with pytest.raises(InvalidNote):
        note.open_note(broken, [LOG.key])


def test_as_many_signatures_as_the_limit_are_accepted():
    most = GOOD + f"{LINE}\n" * (note.MAX_SIGNATURES - 1)
    assert len(note.parse_note(most).signatures) == note.MAX_SIGNATURES


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\rb\n", "\x00\n", "\ud800\n"], ids=ascii)
def test_text_that_no_note_carries_is_not_signed(text):
    with pytest.raises(InvalidNote):
        note.sign(text, LOG)


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a\N{NO-BREAK SPACE}b", "a\u2028b", "a+b", "a\x01b", "\ud800", "x" * 513],
    ids=lambda name: ascii(name)[:20],
)
def test_a_key_has_a_name_that_a_note_can_carry(name):
    with pytest.raises(InvalidNote):
        Signer.from_seed(name, b"k" * 32)


def test_a_name_may_be_as_long_as_the_format_says():
    assert Signer.from_seed("x" * 512, b"k" * 32).key.name == "x" * 512


def test_sixteen_signatures_are_accepted_as_the_format_requires():
    signed = note.sign(TEXT, LOG)
    for number in range(15):
        signed += Signer.from_seed(f"w{number}", bytes([number]) * 32).line(TEXT)
    assert len(note.open_note(signed, [LOG.key]).ignored) == 15


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        str(LOG.key).replace("+", "+0", 1),
        str(LOG.key).replace("freehold", "freehald"),
        str(LOG.key).upper(),
        str(LOG.key) + "=",
        "a b+" + str(LOG.key).partition("+")[2],
        "x+" + note.key_id("x", 2, b"k" * 32).hex() + "+" + b64encode(b"\x02" + b"k" * 32).decode(),
    ],
)
def test_verifier_keys_that_do_not_hold_together_are_refused(text):
    with pytest.raises(InvalidNote):
        VerifierKey.parse(text)


def test_a_verifier_key_survives_its_text_form():
    assert VerifierKey.parse(str(WITNESS.key)) == WITNESS.key


@pytest.mark.parametrize(
    ("kind", "time"),
    [(note.ED25519, 5), (COSIGNATURE_V1, None), (COSIGNATURE_V1, -1), (COSIGNATURE_V1, 2**63)],
)
def test_time_belongs_to_cosignatures_only(kind, time):
    with pytest.raises(InvalidNote):
        note.sign(TEXT, Signer.from_seed("n", b"k" * 32, kind=kind), time=time)


ROOT = b64encode(b"r" * 32).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n",
        f"o\n1\n{ROOT}",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n\u0661\n{ROOT}\n",
        f"o\n{2**63}\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-2]}p=\n",
        f"o\n1\n{b64encode(b'r' * 31).decode()}\n",
        f"\n1\n{ROOT}\n",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\n" + "x\n" * 17,
    ],
)
def test_malformed_checkpoints_are_refused(text):
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_is_refused_and_extensions_are_kept():
    text = f"o\n{2**63 - 1}\n{ROOT}\nTimestamp: 5\n"
    assert Checkpoint.parse(text).format() == text
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.parse(text, origin="p")
