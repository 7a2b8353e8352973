"""Routes as data: each names its roles, its body, its permit and whether it is at-most-once.

Windows declare routes on an `Api`; `dispatch.py` is the one place that enforces what they declare, and policy tests
walk the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from fallback_server.domain.categories import ROLES
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import second_person
from fallback_server.store.session import Actor, Store, Tx

EVERYONE: Final = frozenset(ROLES)
PUBLIC: Final[frozenset[str]] = frozenset()
READ_EVERYTHING: Final = frozenset({"supervisor", "admin", "auditor"})


class Body(BaseModel):
    """Base of every request body and query: unknown fields are refused, so that a typo is never silently dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, str_max_length=2000)


class Approver(Body):
    """The second person: with a password, or a one-time code read out over the telephone.

    `alone` says why there is none: possible for some acts only, and listed until somebody counter-signs.
    """

    operator: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=256)] | None = None
    code: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    alone: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Approver:
        ways = [self.password, self.code, self.alone]
        if sum(way is not None for way in ways) != 1 or (self.alone is None) != (self.operator is not None):
            raise ValueError("operator with password or code, or alone")
        return self


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it, inside its transaction.

    `key` is the ULID of the act: the id of its main document. `body` and `query` are instances of the declared models.
    """

    tx: Tx
    policy: Policy
    body: Any
    query: Any
    path: dict[str, str]
    key: str
    ready: Any = None
    """What the route's `before` returned."""

    def second_person(self, act: str, subject: str | None = None) -> str | None:
        """The second person's code, None for an act that was done alone; raises second_person_required."""
        return second_person.require(self.tx, self.policy, act, subject)


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Route:
    """One route. `roles` empty means no log-in; `permit` None means that it only reads.

    `keyed` False needs a written `reason`: the policy test asks for it.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    roles: frozenset[str] = EVERYONE
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    permit: Permit | None = None
    status: int = 200
    keyed: bool = True
    reason: str = ""
    # A locked page may call it too: its ended session still says at which computer it stands, and gives no role.
    resting: bool = False
    agents: bool = False  # the agent of a workstation may call it too, with its own token
    looks: str = ""  # the record that its path names is somebody's: this is what looking at it is called in the log
    acts: tuple[str, ...] = ()  # what a second person's one-time code may be for: domain.two_persons
    # Handlers that hash passwords or wait must not hold the write lock: they get the store and open their own.
    free: Callable[[FreeCall], Any] | None = None
    # What takes long and only reads is computed before the write lock is had; the handler finds it in `call.ready`.
    before: Handler | None = None
    produces: str = "application/json"

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def allows(self, roles: Iterable[str]) -> bool:
        """Whether one of `roles` (already effective) may call it."""
        own = set(roles)
        return bool(own & self.roles) or (self.permit is None and self.free is None and bool(own & READ_EVERYTHING))


@dataclass(frozen=True)
class FreeCall:
    """A request whose handler opens its transactions itself (log-in, codes): it hashes, and holds no lock meanwhile."""

    store: Store
    policy: Policy
    body: Any
    actor: Actor | None
    address: str | None

    @property
    def who(self) -> Actor:
        """The acting person; raises login_required where there is none."""
        if self.actor is None:
            raise YjError("login_required")
        return self.actor


def _inside_no_transaction(call: Call) -> Any:
    raise YjError("not_available")


@dataclass
class Api:
    """The routes of one window, in the order in which they were declared."""

    window: str
    routes: list[Route] = field(default_factory=list)

    def get(
        self, path: str, *, summary: str, roles: Iterable[str] = EVERYONE, query: type[BaseModel] | None = None,
        looks: str = "",
    ) -> Callable[[Handler], Handler]:  # fmt: skip
        """Declare a reading route; one that shows somebody's record in full says how that is called in the log."""
        return self._add("GET", path, summary=summary, roles=frozenset(roles), query=query, looks=looks)

    def post(
        self,
        path: str,
        *,
        summary: str,
        roles: Iterable[str],
        permit: Permit,
        body: type[BaseModel] | None = None,
        status: int = 200,
        keyed: bool = True,
        reason: str = "",
        resting: bool = False,
        agents: bool = False,
        acts: tuple[str, ...] = (),
        before: Handler | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a writing route; `keyed=False` needs a `reason`; one that may need two persons names its `acts`."""
        return self._add(
            "POST",
            path,
            summary=summary,
            roles=frozenset(roles),
            body=body,
            permit=permit,
            status=status,
            keyed=keyed,
            reason=reason,
            resting=resting,
            agents=agents,
            acts=acts,
            before=before,
        )

    def ask(
        self, path: str, *, summary: str, roles: Iterable[str], body: type[BaseModel]
    ) -> Callable[[Handler], Handler]:
        """Declare a question that is too long for an address: a POST that only reads and creates nothing."""
        return self._add(
            "POST", path, summary=summary, roles=frozenset(roles), body=body, keyed=False,
            reason="it only reads: asked twice, it answers twice",
        )  # fmt: skip

    def add(self, route: Route) -> None:
        """Declare a route that fits neither."""
        self.routes.append(route)

    def free(
        self, path: str, *, summary: str, roles: Iterable[str], body: type[BaseModel], reason: str, status: int = 200,
        acts: tuple[str, ...] = (), agents: bool = False,
    ) -> Callable[[Callable[[FreeCall], Any]], Callable[[FreeCall], Any]]:  # fmt: skip
        """Declare a POST whose handler opens its own transactions; it is not at-most-once, for a `reason`."""

        def declare(handler: Callable[[FreeCall], Any]) -> Callable[[FreeCall], Any]:
            self.routes.append(
                Route("POST", path, _inside_no_transaction, summary, frozenset(roles), body, status=status,
                      keyed=False, free=handler, reason=reason, acts=acts, agents=agents)
            )  # fmt: skip
            return handler

        return declare

    def _add(self, method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, handler, **options))
            return handler

        return declare
