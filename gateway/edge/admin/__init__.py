"""The admin API: JSON below `/admin`, problem details on errors, every change audited.

One table of endpoints; the routes and the OpenAPI document are both made from it, so neither can say something else.
Everything here, the document too, needs an operator's credential, and every row names the permission that the
operator's role must hold (`identity/roles.py`).
"""
