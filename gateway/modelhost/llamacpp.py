"""The llama.cpp engine's own process: `python -m gateway.modelhost.llamacpp`, told what to do by its standard input.

One line of JSON comes first; then the pipe stays open as a lifeline, and when it ends the engine ends: no engine
outlives the gateway, even one that was killed with -9.
"""

import os
import sys

import msgspec

from gateway.core.extras import installing

# Of sysexits.h, EX_CONFIG and EX_OSERR: starting again cannot help. What is to be done instead, by the exit code.
_MISSING, _UNLOADABLE = 78, 71
HOPELESS = {
    _MISSING: f"the demo engine is not installed: {installing('demo')}",
    _UNLOADABLE: "the demo engine is installed, and a library of the system that it needs is not (its log says which): "
    "apt install libgomp1, on Debian and Ubuntu",
}


class Orders(msgspec.Struct, frozen=True):
    """What the process is told."""

    model: str
    alias: str
    port: int
    api_key: str
    context_tokens: int
    parallel: int
    threads: int
    host: str = "127.0.0.1"


def main() -> int:
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    orders = msgspec.json.decode(line, type=Orders)
    try:
        import xllamacpp  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError:
        return _hopeless(_MISSING, "")
    except ImportError as error:
        return _hopeless(_UNLOADABLE, f"{error}; ")
    params = xllamacpp.CommonParams()  # pyright: ignore
    params.model.path = orders.model  # pyright: ignore
    params.model_alias = {orders.alias}
    params.hostnames = [orders.host]
    params.port = orders.port
    params.api_keys = [orders.api_key]
    params.n_ctx = orders.context_tokens
    params.n_parallel = orders.parallel
    params.endpoint_metrics = True
    params.ui = False
    if orders.threads:
        params.cpuparams.n_threads = orders.threads  # pyright: ignore
    server = xllamacpp.Server(params)  # pyright: ignore
    sys.stderr.write(f"serving on {orders.host}:{orders.port}\n")
    while os.read(sys.stdin.fileno(), 4096):
        pass
    del server
    return 0


def _hopeless(code: int, why: str) -> int:
    sys.stderr.write(f"{why}{HOPELESS[code]}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
