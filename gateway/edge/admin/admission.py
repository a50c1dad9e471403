"""Who may ask the admin API: operators, each for what his role holds."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from gateway.core.faults import NotAllowed, Unauthenticated
from gateway.identity.keys import OperatorCredentials
from gateway.identity.roles import Operator, Permission, roles_with


def admitting(credentials: OperatorCredentials, permission: Permission) -> Callable[[Request], Awaitable[None]]:
    """A test for endpoints elsewhere that are for operators too; what it returns raises a fault for who may not."""

    async def admit(request: Request) -> None:
        operator = await operator_of(request, credentials)
        if not operator.may(permission):
            raise not_permitted(operator, permission)

    return admit


async def operator_of(request: Request, credentials: OperatorCredentials) -> Operator:
    header = request.headers.get("authorization", "")
    given = header[7:].strip() if header[:7].lower() == "bearer " else ""
    operator = await credentials.operator(given.encode("latin-1", "replace"))
    if operator is None:
        raise Unauthenticated(
            f"{_not_known(given)}; {_CREDENTIALS}", code="invalid_credential", headers={"www-authenticate": "Bearer"}
        )
    return operator


_CREDENTIALS = (
    "the admin API takes operators' credentials, as `Authorization: Bearer …`: what is in `admin.key` in the state "
    "folder, or what `operators` or `identity` in config.yaml declares"
)


def _not_known(given: str) -> str:
    if not given:
        return "no credential was sent"
    kind = next((kind for begins, kind in _OTHERS.items() if given.startswith(begins)), "")
    return f"this is {kind}, which opens nothing here" if kind else "the credential is not known"


_OTHERS = {"gw-": "a caller's key", "gwm-": "the credential for /metrics"}


def not_permitted(operator: Operator, permission: Permission) -> NotAllowed:
    roles = ", ".join(roles_with(permission))
    said = f"the role `{operator.role}` does not hold `{permission}`; roles that do: {roles}"
    return NotAllowed(said, code="role_not_allowed")
