"""A person's hands at the keyboard: whatever they do is counted, a field filled as one entry, a key pressed as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page


@dataclass
class Hand:
    """Types and presses like a person, and counts it."""

    page: Page
    count: int = 0

    def press(self, key: str, times: int = 1) -> Hand:
        """One key, or the same one several times."""
        for _ in range(times):
            self.page.keyboard.press(key)
            self.count += 1
        return self

    def type(self, text: str) -> Hand:
        """One field filled."""
        self.page.keyboard.type(text)
        self.count += 1
        return self

    def choose(self, text: str, *, of: str | None = None) -> Hand:
        """Search in the field that has the cursor and take the first that is found; `of`: wait until that is shown."""
        self.type(text)
        if of is not None:
            self.page.wait_for_selector(f"ul.found:not([hidden]) li:first-child:has-text('{of}')")
        return self.press("Enter")

    def at(self, selector: str) -> Hand:
        """Wait until the cursor stands there."""
        self.page.wait_for_function("s => document.activeElement?.matches(s)", arg=selector)
        return self

    def dialog(self, words: str) -> Any:
        """Wait for the question in front."""
        found = self.page.locator("dialog[open]").last
        found.wait_for()
        self.page.wait_for_function(
            "words => [...document.querySelectorAll('dialog[open]')].at(-1)?.textContent.includes(words)", arg=words
        )
        return found

    def alone(self) -> Hand:
        """Wait until no question is in front."""
        self.page.wait_for_selector("dialog[open]", state="detached")
        return self


# Printing ends in the browser's own dialogue, which a test cannot see: the papers that were printed are noted instead.
NOTE_PRINTS = """
window.printed = [];
new MutationObserver((records) => {
  for (const record of records) for (const node of record.addedNodes) {
    if (node.id === "paper") window.printed.push(new URL(node.src).pathname);
  }
}).observe(document, { childList: true, subtree: true });
"""
