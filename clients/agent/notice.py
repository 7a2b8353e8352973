"""A notice over everything else on the screen: `python -m clients.agent.notice TEXT`. Needs tkinter."""

from __future__ import annotations

import importlib.util
import sys


def possible() -> bool:
    """Whether this PC can show one; the page's own band says the same where it cannot."""
    return importlib.util.find_spec("tkinter") is not None and importlib.util.find_spec("_tkinter") is not None


def show(text: str) -> None:
    """Fill the screen until somebody says that they have read it."""
    import tkinter

    root = tkinter.Tk()
    root.title("HIS-YJ")
    root.attributes("-topmost", True)
    root.attributes("-fullscreen", True)
    root.configure(background="#b00020")
    words = tkinter.Label(
        root, text=text, font=("", 40, "bold"), foreground="white", background="#b00020", wraplength=1000
    )
    words.pack(expand=True)
    button = tkinter.Button(root, text="知道了  OK", font=("", 28), command=root.destroy)
    button.pack(pady=60, ipadx=40, ipady=20)
    button.focus_set()
    for key in ("<Return>", "<space>"):
        root.bind(key, lambda _: root.destroy())
    root.mainloop()


if __name__ == "__main__":
    show(" ".join(sys.argv[1:]))
