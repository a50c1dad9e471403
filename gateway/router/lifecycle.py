"""Telling a caller that a model will go."""

from email.utils import formatdate

from gateway.core.model import Model


def lifecycle_headers(model: Model, now: float) -> dict[str, str]:
    """What callers of a deprecated model are told: `deprecation` (RFC 9745), `sunset` (RFC 8594), its successor."""
    if model.life.status(now) != "deprecated":
        return {}
    assert model.life.deprecated_from is not None, "it is deprecated"
    headers = {"deprecation": f"@{int(model.life.deprecated_from)}"}
    warning = f"the model {model.name} is deprecated"
    if model.life.sunset is not None:
        headers["sunset"] = formatdate(model.life.sunset, usegmt=True)
        warning += f" and refused from {headers['sunset']} on"
    if model.successor:
        headers["link"] = f'</v1/models/{model.successor}>; rel="successor-version"'
        warning += f"; use {model.successor} instead"
    headers["x-gateway-warning"] = warning
    return headers
