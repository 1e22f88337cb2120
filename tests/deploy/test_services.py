"""Caddy, Prometheus and coturn around the server, from Debian packages, with the configurations of deploy/."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from server.protocol import VERSION, Join
from server.rtc.interfaces import host_addresses
from server.rtc.probe import ProbeError, probe_ice_server
from server.turn import LIFETIME_SECONDS, TurnServers
from tests.server.conftest import engine, serve  # noqa: F401 (fixtures)
from tests.server.doubles import PATIENCE_SECONDS, Client, Serve, Sound

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SECRET = "north-by-northwest"


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, *arguments: str, log: Path, **variables: str) -> Iterator[None]:
    """A program until the block ends. Skips the test where it is not installed."""
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    with log.open("wb") as output:
        process = subprocess.Popen([program, *arguments], stdout=output, stderr=subprocess.STDOUT, env=variables)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def wait_for_port(port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pytest.fail(log.read_text(errors="replace")[-2000:])


@pytest.fixture
async def https() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        yield session


async def test_a_call_goes_through_caddy(serve: Serve, https: aiohttp.ClientSession, tmp_path: Path) -> None:  # noqa: F811
    server = await serve(open=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    port, log = free_port(socket.SOCK_STREAM), tmp_path / "caddy.log"
    upstream = server.url.removeprefix("http://").rstrip("/")
    settings = {"SITE_ADDRESS": f":{port}", "UPSTREAM": upstream, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    with running("caddy", "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile", log=log, **settings):
        await wait_for_port(port, log)
        page = f"https://localhost:{port}/"
        async with https.get(page) as response:
            assert response.status == 200
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        origin = {"Origin": page.rstrip("/")}
        client = Client(await https.ws_connect(page + "ws", headers=origin))
        await client.join()
        (session,) = server.node.sessions
        assert (session.visitor.address, session.visitor.local) == ("127.0.0.1", False)
        sound = server.sound()
        await sound.open(client)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await https.ws_connect(page + "ws", headers={"Origin": "https://elsewhere.example"})
        assert refused.value.status == 403
        await client.socket.close()


async def test_prometheus_scrapes_the_server(serve: Serve, https: aiohttp.ClientSession, tmp_path: Path) -> None:  # noqa: F811
    server = await serve()
    ours, port, log = (
        (DEPLOY / "prometheus.yml").read_text(),
        free_port(socket.SOCK_STREAM),
        tmp_path / "prometheus.log",
    )
    assert "127.0.0.1:8080" in ours
    config = tmp_path / "prometheus.yml"
    config.write_text(ours.replace("127.0.0.1:8080", server.url.removeprefix("http://").rstrip("/")))
    options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"]
    with running("prometheus", *options, log=log):
        await wait_for_port(port, log)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (health := await _target_health(https, port)) == "unknown":
                await asyncio.sleep(0.2)
    assert health == "up"


async def _target_health(http: aiohttp.ClientSession, port: int) -> str:
    """Of the one target; "unknown" before it was scraped."""
    async with http.get(f"http://127.0.0.1:{port}/api/v1/targets") as response:
        if response.status != 200:  # it is starting still
            return "unknown"
        targets = (await response.json())["data"]["activeTargets"]
        return str(targets[0]["health"]) if targets else "unknown"


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a coturn with deploy/turnserver.conf."""
    port, log = free_port(socket.SOCK_DGRAM), tmp_path / "coturn.log"
    options = [f"--listening-port={port}", f"--static-auth-secret={SECRET}", "--log-file=stdout"]
    files = [f"--userdb={tmp_path / 'turndb'}", f"--pidfile={tmp_path / 'turn.pid'}"]
    with running("turnserver", "-c", str(DEPLOY / "turnserver.conf"), *options, *files, log=log):
        await wait_for_port(port, log)
        yield port


async def test_coturn_takes_our_credentials_and_no_others(relay: int) -> None:
    url = f"turn:127.0.0.1:{relay}"
    good, bad = (TurnServers((url,), secret).credentials("ada", time.time()) for secret in (SECRET, "south"))
    assert "it relays from" in await probe_ice_server(url, good.username, good.credential)
    assert "it sees this machine as" in await probe_ice_server(f"stun:127.0.0.1:{relay}", None, None)
    stale = TurnServers((url,), SECRET).credentials("ada", time.time() - LIFETIME_SECONDS - 60)
    for wrong in (bad, stale):
        with pytest.raises(ProbeError, match="401"):
            await probe_ice_server(url, wrong.username, wrong.credential)


@pytest.mark.skipif(not [a for a in host_addresses() if ":" not in a], reason="there is nothing but the loopback here")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_goes_through_coturn_alone(serve: Serve, relay: int, transport: str) -> None:  # noqa: F811
    """The relay may not reach 127.0.0.1, so it reaches the server by one of the machine's addresses."""
    server = await serve(turn_urls=(f"turn:127.0.0.1:{relay}?transport={transport}",), turn_secret=SECRET)
    client = await server.connect()
    await client.say(Join(VERSION, "r", "Ada"))
    joined = await client.hear()
    (turn,) = joined.ice_servers  # type: ignore[union-attr]
    sound = server.sound()
    await sound.connection.close()
    servers = [RTCIceServer(list(turn.urls), turn.username, turn.credential)]
    sound.connection = RTCPeerConnection(RTCConfiguration(servers, iceTransportPolicy=RTCIceTransportPolicy.RELAY))
    try:
        await _open(sound, client)
        kinds = {line.split()[7] for line in sound.connection.localDescription.sdp.splitlines() if "candidate:" in line}
        assert kinds == {"relay"}
        (session,) = server.node.sessions
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not session.media.uplink.frames:
                sound.send(0.5)
                await asyncio.sleep(0.02)
    finally:
        await sound.connection.close()


async def _open(sound: Sound, client: Client) -> None:
    sound.channel = sound.connection.createDataChannel("pcm", ordered=False, maxRetransmits=0)
    sound.channel.on("open", sound._opened.set)
    await sound.open(client)
