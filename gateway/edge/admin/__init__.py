"""The admin API: JSON below `/admin`, problem details on errors, every change audited.

One table of endpoints; the routes and the OpenAPI document are both made from it, so neither can say something else.
Everything here, the document too, needs the admin credential.
"""
