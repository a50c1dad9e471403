"""Who is compared, and how each is started. What is not installed is named as absent and left out."""

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.ports import free_port
from tests.speed.answers import Mode
from tests.speed.dialects import CHAT, MESSAGES, Dialect
from tests.speed.gateway_contestant import EVERY_STEP, GatewayFiles
from tests.speed.http_reading import request_bytes


class Ground(msgspec.Struct, frozen=True):
    """Where a run takes place: its folder, and the ports of the mock upstream and the OTLP sink."""

    folder: Path
    mock_port: int
    sink_port: int


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    argv: how it is started; empty for the mock itself, which is called directly to know what there is to add to.
    port: where it answers. key: what callers show it. dialect: what they speak.
    headers: sent with every request, besides. verbatim: what an answer must be is known byte for byte, and each is checked to be.
    rival: the run goes on without it if it does not start, or does not stream.
    """

    name: str
    argv: tuple[str, ...]
    port: int
    key: str = "gw-bench"
    dialect: Dialect = CHAT
    verbatim: bool = True
    rival: bool = False
    headers: Mapping[str, str] = {}
    gateway: GatewayFiles | None = None

    def request(self, mode: Mode) -> bytes:
        """A call as an application would send it."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}", **self.headers}
        return request_bytes(self.port, "POST", self.dialect.path, self.dialect.request_body(mode), headers)


class Absent(msgspec.Struct, frozen=True):
    name: str
    reason: str


def direct(ground: Ground) -> Contestant:
    return Contestant(name="direct", argv=(), port=ground.mock_port)


def gateway(ground: Ground) -> Contestant:
    """This gateway with everything on."""
    return _gateway(ground, "gateway", CHAT)


def translating(ground: Ground) -> Contestant:
    """The same for clients of another dialect than the upstream's: each call and each answer is translated."""
    return _gateway(ground, "translating", MESSAGES)


def guarded(ground: Ground) -> Contestant | Absent:
    """The same with routes, guards and an exact cache. Every request wants a new answer, which is kept: one that is
    there already would measure little of a gateway."""
    if importlib.util.find_spec("re2") is None:
        return Absent("guarded", "the extra `guards` is not installed")
    contestant = _gateway(ground, "guarded", CHAT, EVERY_STEP)
    return msgspec.structs.replace(contestant, headers={"cache-control": "no-cache"})


def _gateway(ground: Ground, name: str, dialect: Dialect, more: Mapping[str, object] | None = None) -> Contestant:
    files = GatewayFiles.write(ground.folder / name, free_port(), ground.mock_port, ground.sink_port, more or {})
    return Contestant(
        name=name, argv=files.command("serve"), port=files.port, key=files.create_key(), dialect=dialect, gateway=files
    )


def bare(ground: Ground) -> Contestant:
    port = free_port()
    argv = (sys.executable, "-m", "tests.speed.bare_proxy", str(port), str(ground.mock_port))
    return Contestant(name="bare", argv=argv, port=port)


NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream mock {{ server 127.0.0.1:{mock_port}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def nginx(ground: Ground) -> Contestant | Absent:
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        return Absent("nginx", "not installed")
    folder = ground.folder / "nginx"
    folder.mkdir()
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, mock_port=ground.mock_port))
    argv = (path, "-c", str(config), "-p", str(folder), "-e", "stderr", "-g", "daemon off;")
    return Contestant(name="nginx", argv=argv, port=port, rival=True)


def litellm(ground: Ground) -> Contestant | Absent:
    """One worker, no database, a master key: the least with which it authenticates."""
    path = Path(sys.executable).with_name("litellm")
    if importlib.util.find_spec("litellm") is None or not path.exists():
        return Absent("litellm", "not installed")
    folder = ground.folder / "litellm"
    folder.mkdir()
    port, key = free_port(), "sk-bench"
    upstream = {"model": "openai/*", "api_base": f"http://127.0.0.1:{ground.mock_port}/v1", "api_key": "sk-upstream"}
    config = {
        "model_list": [{"model_name": "*", "litellm_params": upstream}],
        "general_settings": {"master_key": key},
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    argv = (str(path), "--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
    return Contestant(name="litellm", argv=argv, port=port, key=key, verbatim=False, rival=True)


BUILDERS: Sequence[Callable[[Ground], Contestant | Absent]] = (
    direct,
    gateway,
    guarded,
    bare,
    translating,
    nginx,
    litellm,
)


def line_up(ground: Ground) -> tuple[list[Contestant], list[Absent]]:
    """Everybody who can take part here, in the order in which they take turns, and who cannot."""
    built = [build(ground) for build in BUILDERS]
    return (
        [entry for entry in built if isinstance(entry, Contestant)],
        [entry for entry in built if isinstance(entry, Absent)],
    )
