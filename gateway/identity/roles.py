"""What operators may do: one table. Roles are named in config.yaml, permissions by the rows of the admin API."""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

Role = Literal["viewer", "operator", "security", "admin"]
Permission = Literal[
    "usage.read",
    "models.read",
    "tenants.read",
    "status.read",
    "keys.read",
    "keys.write",
    "keys.revoke",
    "policy.read",
    "policy.write",
    "audit.read",
    "content.read",
    "prompts.read",
    "prompts.write",
]

_KEYS: frozenset[Permission] = frozenset({"keys.read", "keys.write", "keys.revoke"})
# Who ends a key must be able to find it.
_SECURITY: frozenset[Permission] = frozenset(
    {"policy.read", "policy.write", "audit.read", "content.read", "keys.read", "keys.revoke"}
)
_VIEW: frozenset[Permission] = frozenset({"usage.read", "models.read", "tenants.read", "status.read", "prompts.read"})
_PROMPTS: frozenset[Permission] = frozenset({"prompts.write"})
ROLES: Mapping[Role, frozenset[Permission]] = {
    "viewer": _VIEW,
    "operator": _VIEW | _KEYS | _PROMPTS,
    "security": _VIEW | _SECURITY,
    "admin": frozenset(get_args(Permission)),
}


class Operator(msgspec.Struct, frozen=True):
    """Who is using the admin API; `name` stands in the audit log."""

    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        return permission in ROLES[self.role]


def role_named(word: str) -> Role | None:
    return next((role for role in ROLES if role == word), None)


def roles_with(permission: Permission) -> list[Role]:
    """Who may, in the table's order."""
    return [role for role, may in ROLES.items() if permission in may]
