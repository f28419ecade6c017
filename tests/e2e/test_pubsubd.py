"""Pub/Sub against Google's own fake server (Go's pstest), read by Google's own client. Of `make test-full`: it needs Go."""
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import urllib.request

import pytest
from conftest import ROOT, access_line, serve, wait_for
from google_parts import VENV, python
from test_google import distinct, sink_status, use, write_lines

pytestmark = pytest.mark.full
SOURCE = ROOT / "tests" / "parts" / "pubsubd"
TABLES = ("events", "alerts", "blocks", "rejects", "ledger")


def pubsubd():
    """The program, built once for each state of its source; skipped where there is no Go, or no way to its modules."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        pytest.skip("Go is not installed (pubsubd is written in it)")
    state = hashlib.sha256(b"".join((SOURCE / f).read_bytes() for f in ("main.go", "go.mod", "go.sum"))).hexdigest()[:16]
    exe = VENV.parent / f"pubsubd-{state}"
    if not exe.exists():
        exe.parent.mkdir(parents=True, exist_ok=True)
        built = subprocess.run([go, "build", "-o", f"{exe}.new", "."], cwd=SOURCE, capture_output=True, text=True, timeout=900)
        if built.returncode != 0:
            pytest.skip(f"pubsubd can't be built: {built.stderr.strip()[-300:]}")
        pathlib.Path(f"{exe}.new").rename(exe)
    return exe


class Server:
    def __init__(self, folder):
        exe = pubsubd()
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.address = f"127.0.0.1:{s.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.out = open(folder / "pubsubd.out", "wb")
        self.process = subprocess.Popen([str(exe), "-listen", self.address], stdout=self.out, stderr=self.out)
        wait_for(lambda: self.process.poll() is None and self.get("/healthz") == b"ok\n", "pubsubd answers")
        self.client("make", *(f"sekisho-{t}" for t in TABLES))

    def get(self, path):
        try:
            return urllib.request.urlopen(self.url + path, timeout=30).read()
        except OSError:
            return b""

    def client(self, *args):
        r = subprocess.run(
            [str(python()), str(ROOT / "tests" / "parts" / "pull.py"), *args],
            env={**os.environ, "PUBSUB_EMULATOR_HOST": self.address}, capture_output=True, text=True, timeout=120,
        )
        assert r.returncode == 0, r.stderr[-2000:]
        return [json.loads(line) for line in r.stdout.splitlines()]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def server(tmp_path):
    yield from serve(tmp_path / "pubsubd", Server)


def published(server):
    return sum(1 for line in server.get("/_messages").splitlines() if json.loads(line)["Topic"].endswith("-events"))


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_googles_client_reads_what_was_published(agent, server, transport):
    use(agent, server.url, more=f", transport: {transport}")
    write_lines(agent, 2500)
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9"))
    agent.start()
    rows = server.client("take", "sekisho-events", "2501")
    assert len(distinct(rows)) == 2501
    assert {r["url_path"] for r in rows} >= {f"/ok{i}" for i in range(2500)}
    assert server.client("take", "sekisho-alerts", "1")[0]["rule"] == "web.log4shell.jndi"
    local = dict(agent.query("SELECT id, time FROM events"))
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    assert local == {r["id"]: r["time"] for r in rows}
    agent.stop()


def test_what_googles_server_refuses_for_now_comes_again(agent, server):
    use(agent, server.url, more=", transport: grpc")
    server.get("/_fault?method=Publish&n=3&code=14")
    write_lines(agent, 300)
    agent.start()
    wait_for(lambda: sink_status(agent)["retries"] >= 3, "three refusals")
    assert len(distinct(server.client("take", "sekisho-events", "300"))) == 300
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()


def test_a_topic_that_is_not_there_holds(agent, server):
    use(agent, server.url, more=", transport: grpc, topic: other")
    write_lines(agent, 10)
    agent.start()
    wait_for(lambda: sink_status(agent)["held"], "it is held")
    assert "NOT_FOUND" in sink_status(agent)["last_error"] and published(server) == 0
    agent.stop()
