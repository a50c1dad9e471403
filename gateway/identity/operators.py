"""What config.yaml says of who may use `/admin`."""

from typing import Any

import msgspec

from gateway.identity.roles import Role
from gateway.stores.documents import Document
from gateway.stores.wording import why_no_id

MIN_OPERATOR_KEY = 16
MAX_OPERATOR_NAME = 200


class NamedOperator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may use `/admin` besides the holder of the admin key. Without a key, for one is empty if the environment does
    not hold it, nobody is this operator."""

    name: str
    role: Role
    key: str = ""

    def __repr__(self) -> str:
        return f"NamedOperator({self.name!r}, {self.role!r})"


class OperatorOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Credentials of `/admin` and `/metrics`; if empty, made in the state folder (`admin.key`, `metrics.key`)."""

    admin_key: str = ""
    metrics_key: str = ""
    others: tuple[NamedOperator, ...] = ()


def check_operators(document: Document[Any], operators: OperatorOptions) -> None:
    """A name stands in the audit log, so it must be one person's; a credential is guessed at, so it must be long.

    Raises:
        DocumentError: two have one name or one key, or a key is too short.
    """
    names, keys = {"admin"}, {operators.admin_key, operators.metrics_key} - {""}
    for index, operator in enumerate(operators.others):
        path = ("operators", "others", index)
        if why := why_no_id(operator.name, names, "operator's name"):
            raise document.error((*path, "name"), why)
        if not operator.name.isprintable() or len(operator.name) > MAX_OPERATOR_NAME:
            said = f"an operator's name has at most {MAX_OPERATOR_NAME} letters, and all of them can be printed"
            raise document.error((*path, "name"), said)
        if operator.key and len(operator.key) < MIN_OPERATOR_KEY:
            raise document.error((*path, "key"), f"an operator's key has at least {MIN_OPERATOR_KEY} characters")
        if operator.key in keys:
            said = f"the key of `{operator.name}` is another operator's too; each has one of his own"
            raise document.error((*path, "key"), said)
        names.add(operator.name)
        keys |= {operator.key} - {""}
