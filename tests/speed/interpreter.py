"""Which Python the contestants run on: how it was compiled counts as much as what it runs."""

import platform
import sys
import sysconfig


def compiled_for_speed(configure: str, prefix: str) -> bool:
    """Whether an interpreter was compiled with profiles of its own runs.

    `configure`: what it was configured with; distributions that keep it below `/usr` ask their build for profiles
    without saying so there.
    """
    return "--enable-optimizations" in configure or prefix == "/usr"


def interpreter() -> str:
    """One line."""
    said = f"{platform.python_implementation()} {platform.python_version()} below {sys.base_prefix}"
    if compiled_for_speed(str(sysconfig.get_config_var("CONFIG_ARGS") or ""), sys.base_prefix):
        return said
    return f"{said}, compiled without --enable-optimizations: one that has them needs about a sixth less for a call"
