"""The table of docs/roles.md, made from what the routes and pages declare: `python -m tests.web.role_table` writes it.

Whoever declares a route looks at the line that is new and asks whether every role in it should be there.
"""

from __future__ import annotations

from pathlib import Path

from fallback_server.domain.categories import ROLES, effective_roles
from fallback_server.web.routes import READ_EVERYTHING
from fallback_server.windows import all_pages, all_windows

PAGE = Path(__file__).parents[2] / "docs/roles.md"
HEAD = """# Roles

Who may call what: ✓ by the role (or one it includes), r because supervisors, administrators and auditors may read
everything, nothing: refused with `forbidden`. The table is compared with the code by a test, and every route is called
as every role by another. After declaring a route: `python -m tests.web.role_table`, then look at what changed.

"""


def rows() -> list[tuple[str, frozenset[str], bool]]:
    """(name, roles, whether it only reads) of every route and page, by name."""
    found = [
        (route.name, route.roles, route.permit is None and route.free is None)
        for api in all_windows()
        for route in api.routes
    ]
    found += [(f"page {page.path}", page.roles, True) for group in all_pages() for page in group.pages]
    found += [(f"file {one.path}", one.roles, True) for group in all_pages() for one in group.files]
    return sorted(found, key=lambda row: row[0].split(" ", 1)[::-1])


def mark(role: str, named: frozenset[str], reads: bool) -> str:
    """✓, r or nothing."""
    own = effective_roles(frozenset({role}))
    return "✓" if own & named else "r" if reads and own & READ_EVERYTHING else ""


def table() -> str:
    """The whole page."""
    lines = [f"| | {' | '.join(ROLES)} |", "|---" * (len(ROLES) + 1) + "|"]
    for name, named, reads in rows():
        marks = [mark(role, named, reads) for role in ROLES] if named else ["open"] * len(ROLES)
        lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
