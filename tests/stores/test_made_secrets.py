"""Secrets that are made on first use, by whichever process is first."""

import threading
from pathlib import Path

from gateway.stores.files import read_or_create_secret


def test_of_several_that_make_it_at_once_all_get_the_same_whole_secret(tmp_path: Path) -> None:
    for number in range(50):
        path, found, start = tmp_path / str(number) / "admin.key", list[str](), threading.Barrier(8)

        def make(path: Path = path, found: list[str] = found, start: threading.Barrier = start) -> None:
            start.wait()
            found.append(read_or_create_secret(path, "gwa-"))

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert set(found) == {path.read_text().strip()}
        assert len(found[0]) > 40
        assert [one.name for one in path.parent.iterdir()] == ["admin.key"]
        assert path.stat().st_mode & 0o777 == 0o600
