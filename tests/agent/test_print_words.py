"""What the standby says about a printer never becomes an option of the program that prints."""

from __future__ import annotations

import pytest

from clients.agent.printing import PrintFailed, words

COMMAND = ["lp", ["-d", "{printer}"], ["-o", "InputSlot={tray}"], "{html}"]


def test_a_printer_s_name_is_one_word_and_never_an_option() -> None:
    places = {"printer": "收费 1 号; rm -rf /", "tray": "", "html": "a.html"}
    assert words(COMMAND, places) == ["lp", "-d", "收费 1 号; rm -rf /", "a.html"]
    assert words(COMMAND, {**places, "tray": "-2"})[3:5] == ["-o", "InputSlot=-2"]
    for name in ("-oraw", "--help"):
        with pytest.raises(PrintFailed, match="called so"):
            words(COMMAND, {**places, "printer": name})
