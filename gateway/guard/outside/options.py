"""What config.yaml says about services that judge texts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from gateway.stores.documents import Document
from gateway.transport.url import parse_url

Format = Literal["gateway", "openai"]


class GuardServiceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service that guards ask, by its name in guardrails.yaml.

    Attributes:
        url: where it takes a POST.
        format: `gateway`: `{"guard", "side", "texts"}` in, `{"findings": [{"kind", "score"}]}` out; `openai`: that of
            OpenAI's moderations.
        model: named in the request, for `openai`.
        api_key: sent as a bearer's; without one nothing is.
    """

    url: str
    format: Format = "gateway"
    model: Annotated[str, msgspec.Meta(max_length=256)] = ""
    api_key: str = ""

    def __repr__(self) -> str:
        return f"GuardServiceOptions({self.url!r})"


def check_guard_services(document: Document[Any], services: Mapping[str, GuardServiceOptions]) -> None:
    """Raises:
    DocumentError: an address is none.
    """
    for name, service in services.items():
        try:
            parse_url(service.url)
        except ValueError as error:
            raise document.error(("guard_services", name, "url"), str(error)) from None
