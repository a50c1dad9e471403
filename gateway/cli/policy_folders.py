"""Which policies a verb is about: those of config.yaml, or a folder of one's own."""

import argparse
from pathlib import Path

from gateway.config import Settings, read_config
from gateway.core.wiring import NO_WIRING, Wiring

CONFIG = "config.yaml"


def add_folders(parser: argparse.ArgumentParser) -> None:
    """`--policies` and `--config`."""
    parser.add_argument("--policies", metavar="DIR", help="a folder of policies; default: that of config.yaml")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"read routes, providers and state from here; default: {CONFIG}, none if --policies stands alone",
    )


def settings_of(options: argparse.Namespace) -> Settings | None:
    """The settings; None where a folder of policies is looked at by itself."""
    if options.policies is not None and options.config is None:
        return None
    return read_config(Path(options.config or CONFIG))


def folder_of(options: argparse.Namespace, settings: Settings | None) -> Path:
    if options.policies is not None:
        return Path(options.policies)
    assert settings is not None, "without a folder there is a config.yaml"
    return settings.policies_dir


def wiring_of(settings: Settings | None) -> Wiring:
    return NO_WIRING if settings is None else settings.wiring
