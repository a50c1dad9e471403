"""placeholder"""

from gateway.cli.arguments import Verbs


def add_to(actions: Verbs) -> None:
    pass
