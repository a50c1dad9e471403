"""Certificates that are renewed while the server runs."""

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from gateway.edge.server import TlsOptions
from tests.authority import Authority
from tests.conftest import within
from tests.edge.http1_desk import Desk, request, serving, statuses


async def shown(desk: Desk, trusting: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("localhost", desk.port, ssl=trusting)
    try:
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()


def der(file: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(file.read_text())


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Authority:
    """Of a server that looks often, and whose log is kept."""
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.02)
    caplog.set_level("INFO", "gateway.edge")
    return Authority(tmp_path)


async def test_a_renewed_pair_is_in_force_without_a_restart_and_half_a_pair_is_not(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = authority.issue("localhost")
    authority.folder = tmp_path / "renewed"
    authority.folder.mkdir()
    new_cert, new_key = authority.issue("localhost")
    old, new = der(cert), der(new_cert)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with serving(host="localhost", tls=TlsOptions(str(cert), str(key))) as desk, within(30):
        assert await shown(desk, trusting) == old
        reader, writer = await asyncio.open_connection("localhost", desk.port, ssl=trusting)
        os.replace(new_key, key)
        while "is not taken over" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await shown(desk, trusting) == old
        os.replace(new_cert, cert)
        while "is in force for new connections" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await shown(desk, trusting) == new
        # Who was connected before stays so.
        writer.write(request())
        assert statuses(await reader.read()) == [200]
        writer.close()


async def test_files_that_are_gone_for_a_while_are_taken_over_when_they_are_back(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = authority.issue("localhost")
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with serving(host="localhost", tls=TlsOptions(str(cert), str(key))) as desk, within(30):
        before = der(cert)
        cert.unlink()
        key.unlink()
        while "is not taken over" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await shown(desk, trusting) == before
        authority.issue("localhost")
        while await shown(desk, trusting) != der(cert):
            await asyncio.sleep(0.01)
