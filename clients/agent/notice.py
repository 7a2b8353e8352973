"""A notice over everything else on the screen: `python -m clients.agent.notice TEXT`.

It cannot be missed, and it cannot be taken away by the key that was meant for the HIS: whoever is typing or scanning
when it comes types on for a moment. With tkinter it fills the screen; on Windows without tkinter it is a message box.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tkinter

DEAF: Final = 3.0  # seconds without a key or a click before one counts: nobody is in the middle of a word any more
AGAIN_MS: Final = 1000  # whatever opens later lies above it no longer than this
_TOPMOST: Final = 0x00000030 | 0x00010000 | 0x00040000  # MB_ICONWARNING, MB_SETFOREGROUND, MB_TOPMOST


def possible() -> bool:
    """Whether this PC can show one; the page's own band says the same where it cannot."""
    return sys.platform == "win32" or _has_tkinter()


def show(text: str) -> None:
    """Stay before everything else until somebody says that they have read it."""
    if _has_tkinter():
        window(text).mainloop()
    else:
        _box(text)


def window(text: str, *, now: Callable[[], float] = time.monotonic) -> tkinter.Tk:
    """The notice on the screen; `mainloop` ends when it was read."""
    import tkinter

    root = tkinter.Tk()
    root.title("HIS-YJ")
    root.geometry(f"{root.winfo_screenwidth()}x{root.winfo_screenheight()}+0+0")  # where no window manager fills it
    root.attributes("-topmost", True)
    root.attributes("-fullscreen", True)
    root.configure(background="#b00020")
    words = tkinter.Label(
        root, text=text, font=("", 40, "bold"), foreground="white", background="#b00020", wraplength=1000
    )
    words.pack(expand=True)
    last = now()

    def read(_: object = None) -> None:
        if now() - last >= DEAF:
            root.destroy()

    def typed(_: object) -> None:
        nonlocal last
        last = now()

    def stay() -> None:
        root.lift()
        root.attributes("-topmost", True)
        root.after(AGAIN_MS, stay)

    button = tkinter.Button(root, text="知道了  OK", font=("", 28), command=read, takefocus=False)
    button.pack(pady=60, ipadx=40, ipady=20)
    root.protocol("WM_DELETE_WINDOW", read)
    for key in ("<Return>", "<space>"):
        root.bind(key, read)
    root.bind("<Key>", typed)
    root.after(AGAIN_MS, stay)
    root.focus_force()
    return root


def _has_tkinter() -> bool:
    return importlib.util.find_spec("tkinter") is not None and importlib.util.find_spec("_tkinter") is not None


def _box(text: str) -> None:
    import ctypes

    getattr(ctypes, "windll").user32.MessageBoxW(None, text, "HIS-YJ", _TOPMOST)  # noqa: B009 - only Windows has it


if __name__ == "__main__":
    show(" ".join(sys.argv[1:]))
