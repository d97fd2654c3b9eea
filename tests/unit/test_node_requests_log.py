"""The text log does not grow with what strangers send: lines are within a budget, the rest are counted."""

import logging

from freehold.kernel.tally import PARTNER_LINES_PER_MINUTE, RequestsLog

DAY = 86_400


def test_a_day_of_strangers_at_full_speed_is_a_few_lines_a_minute(caplog):
    caplog.set_level(logging.INFO, "freehold.http")
    now = [0.0]
    log = RequestsLog(clock=lambda: now[0])
    hours = 3
    for second in range(hours * 3_600):
        now[0] = float(second)
        for status in (401, 404, 422):
            fields = {
                "method": "POST",
                "path": "/peer/hello",
                "status": status,
                "address": f"10.0.0.{second % 250}",
            }
            log.tell(logging.INFO, fields, owner=False, partner="")
    assert len(caplog.records) <= 2 * 60 * hours + 2
    size = sum(len(str(record.fields)) + 60 for record in caplog.records)
    assert size * 24 / hours < 1_000_000, "a day of it"
    told = sum(record.fields.get("requests", 1) for record in caplog.records)
    assert told >= 3 * hours * 3_600 - 200, "none is left uncounted but those of the last minute"


def test_partners_have_lines_of_their_own_and_the_owner_has_all(caplog):
    caplog.set_level(logging.INFO, "freehold.http")
    log = RequestsLog(clock=lambda: 1.0)
    fields = {"method": "POST", "path": "/peer/grants", "status": 200}
    for _ in range(100):
        log.tell(logging.INFO, fields, owner=False, partner="")
    before = len(caplog.records)
    for _ in range(100):
        log.tell(logging.INFO, fields, owner=False, partner="0xone")
    assert 1 <= len(caplog.records) - before <= PARTNER_LINES_PER_MINUTE
    before = len(caplog.records)
    for _ in range(100):
        log.tell(logging.INFO, fields, owner=True, partner="")
    assert len(caplog.records) - before == 100
