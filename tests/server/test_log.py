"""Log lines."""

from __future__ import annotations

import logging

from server.log import EventFormatter


def line(message: str, **facts: object) -> str:
    record = logging.LogRecord("server.session", logging.INFO, "", 0, message, (), None)
    record.facts = facts
    return EventFormatter().format(record)


def test_facts_follow_the_event() -> None:
    assert line("session joined", session="ab12", others=1, rate=4.5).endswith(
        " INFO server.session: session joined session=ab12 others=1 rate=4.5"
    )


def test_what_is_unknown_is_left_out() -> None:
    assert line("ended", code=None).endswith(": ended")


def test_nobody_can_write_a_line_of_his_own() -> None:
    written = line("complaint", text='x"\n2026 INFO forged', mark="é")
    assert "\n" not in written
    assert written.endswith(r'text="x\"\n2026 INFO forged" mark="\u00e9"')
