"""wrk as the load generator, where it is installed: it takes less of the load's core than Python can.

wrk checks status and framing; it does not look into bodies, so their sizes are checked by the sum. It cuts what is
under way when its time is over, so streams are not driven by it.
"""

import asyncio
import json
import math
import shutil
from pathlib import Path
from typing import Any

from tests.speed.child import BenchError
from tests.speed.contestants import Contestant
from tests.speed.load import Loaded
from tests.speed.scenarios import Scenario

SCRIPT = """
wrk.method = "POST"
wrk.body = [==[%(body)s]==]
wrk.headers["content-type"] = "application/json"
%(headers)s
done = function(summary, latency)
  local e = summary.errors
  print(string.format(
    'RESULT {"answers": %%d, "microseconds": %%d, "bytes": %%d, "p50_us": %%.1f, "p99_us": %%.1f, "wrong": '
      .. '{"no connection": %%d, "broken answer": %%d, "not sent": %%d, "status": %%d, "timeout": %%d}}',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def wrk_path() -> str | None:
    return shutil.which("wrk")


async def load_with_wrk(contestant: Contestant, scenario: Scenario, seconds: float, folder: Path) -> Loaded:
    """As `load`. Takes whole seconds, at least one."""
    path = wrk_path()
    assert path is not None, "asked only where wrk is installed"
    script = folder / "wrk.lua"
    dialect = contestant.dialect
    headers = {"authorization": f"Bearer {contestant.key}", **contestant.headers}
    lines = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items())
    script.write_text(SCRIPT % {"body": dialect.request_body(scenario.mode).decode(), "headers": lines})
    process = await asyncio.create_subprocess_exec(
        path,
        *("-t1", f"-c{scenario.connections}", f"-d{math.ceil(seconds)}s", "--timeout", "20s"),
        *("-s", str(script), f"http://127.0.0.1:{contestant.port}{dialect.path}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    for line in output.decode(errors="replace").splitlines():
        if line.startswith("RESULT "):
            least = len(dialect.expected(scenario.mode)) if contestant.verbatim else 1
            return read_result(json.loads(line.removeprefix("RESULT ")), least)
    raise BenchError(f"wrk said nothing that could be read:\n{output.decode(errors='replace')}")


def read_result(said: dict[str, Any], least_answer: int) -> Loaded:
    """`least_answer`: bytes of the smallest answer that is complete."""
    wrong = {what: count for what, count in said["wrong"].items() if count}
    missing = said["answers"] * least_answer - said["bytes"]
    if missing > 0:
        wrong[f"{missing} bytes are missing in the answers"] = 1
    return Loaded(
        answers=said["answers"] - said["wrong"]["status"],
        wrong=wrong,
        seconds=said["microseconds"] / 1e6,
        p50_us=said["p50_us"],
        p99_us=said["p99_us"],
    )
