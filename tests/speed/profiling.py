"""Where the gateway's time goes, by py-spy, where that is installed.

Only threads that hold the interpreter's lock are sampled: the others wait, and would fill the graph with it.
"""

import asyncio
import shutil
from pathlib import Path

from tests.speed.child import BenchError, Child
from tests.speed.contestants import Contestant
from tests.speed.driving import Instrument, measure
from tests.speed.proc import process_tree
from tests.speed.scenarios import SCENARIOS

SECONDS = 10


async def profile(contestant: Contestant, child: Child, mock_port: int, folder: Path) -> list[Path]:
    """Load the running contestant in each way while py-spy samples its worker; the flame graphs, one for each load.

    Raises:
        BenchError: py-spy is missing, or may not look into the process.
    """
    path = shutil.which("py-spy")
    if path is None:
        raise BenchError("--profile needs py-spy on the PATH: pip install py-spy")
    worker = process_tree(child.pid)[-1]
    folder.mkdir(exist_ok=True)
    graphs: list[Path] = []
    for scenario in SCENARIOS:
        graph = folder / f"profile-{contestant.name}-{scenario.name}.svg"
        spy = await asyncio.create_subprocess_exec(
            *(path, "record", "--gil", "--pid", str(worker)),
            *("--duration", str(SECONDS - 1), "--output", str(graph)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await measure(contestant, None, scenario, Instrument(mock_port, SECONDS, quiet_s=0.3))
        said, _ = await spy.communicate()
        if spy.returncode or not graph.exists():
            raise BenchError(f"py-spy could not record:\n{said.decode(errors='replace')}")
        graphs.append(graph)
    return graphs
