"""Against bqemulator (SQL by DuckDB): the DDL applies, rows land with their types, views say each event once."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from conftest import ROOT, SEKISHO, access_line, wait_for

PINS = ["bqemulator==1.4.0", "duckdb==1.5.5", "numpy==2.2.6"]
VENV = pathlib.Path(os.environ.get("SEKISHO_TEST_CACHE", "/var/tmp/sekisho-tests")) / "bqemulator-1.4.0"


def python():
    """Of a virtual environment with the emulator; made once, skipped where it can't be had."""
    exe = VENV / "bin" / "python"
    done = VENV / "complete"
    if not done.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, capture_output=True, text=True, timeout=120)
            subprocess.run([str(exe), "-m", "pip", "-q", "install", *PINS], check=True, capture_output=True, text=True, timeout=400)
        except (subprocess.SubprocessError, OSError) as e:
            pytest.skip(f"bqemulator can't be installed: {(getattr(e, 'stderr', None) or str(e)).strip()[-200:]}")
        done.write_text("yes\n")
    return exe


class Emulator:
    def __init__(self, folder, port):
        self.base = f"http://127.0.0.1:{port}"
        self.folder = folder
        home = folder / "home"
        home.mkdir()
        self.out = open(folder / "bqemu.out", "wb")
        self.process = subprocess.Popen(
            [str(python()), str(ROOT / "tests" / "parts" / "bqemu.py"), "start", "--rest-port", str(port), "--grpc-port", str(port + 1), "--ephemeral", "--log-level", "warning"],
            env={**os.environ, "HOME": str(home)}, cwd=home, stdout=self.out, stderr=self.out,
        )
        wait_for(self.ready, "the emulator answers")

    def ready(self):
        assert self.process.poll() is None, (self.folder / "bqemu.out").read_text()[-2000:]
        try:
            return urllib.request.urlopen(self.base + "/readyz", timeout=5).status == 200
        except OSError:
            return False

    def post(self, path, body):
        r = urllib.request.Request(self.base + "/bigquery/v2/projects/p" + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(r, timeout=120))
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path}: {e.code} {e.read().decode()[:500]}") from e

    def query(self, sql):
        r = self.post("/queries", {"query": sql, "useLegacySql": False})
        assert r.get("jobComplete") and not r.get("errors"), r
        return [[c["v"] for c in row["f"]] for row in r.get("rows", [])]


@pytest.fixture
def bigquery(tmp_path):
    e = Emulator(tmp_path, 20000 + os.getpid() % 20000)
    yield e
    e.process.terminate()
    e.process.wait(timeout=30)


def test_events_land_and_an_analyst_can_ask(agent, bigquery):
    bigquery.post("/datasets", {"datasetReference": {"datasetId": "logs", "projectId": "p"}})
    ddl = subprocess.run([SEKISHO, "schema", "bigquery", "p.logs"], capture_output=True, text=True, check=True).stdout
    for statement in ddl.split(";\n"):
        if statement.strip():
            bigquery.query(statement)
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    write = agent.write_config

    def with_sink():
        write()
        c = agent.config.read_text()
        agent.config.write_text(c.replace("sinks:\n", f"sinks:\n  far: {{type: bigquery, project: p, dataset: logs, endpoint: '{bigquery.base}'}}\n"))

    agent.write_config = with_sink
    with open(agent.logs / "a.log", "w") as f:
        f.writelines(access_line(i, f"/ok{i}?q=a%00b%E3%81%82\\x22") for i in range(400))
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9"))
    agent.start()
    wait_for(lambda: bigquery.query("SELECT count(DISTINCT id) FROM `p.logs.events_raw`") == [["401"]], "all events")
    wait_for(lambda: bigquery.query("SELECT rule, entity_value FROM `p.logs.alerts`") == [["web.log4shell.jndi", "198.51.100.9"]], "the alert")
    local = agent.query("SELECT id, time, day, hour, url_path, http_response_status_code FROM events ORDER BY id LIMIT 5")
    far = bigquery.query(
        "SELECT id, FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', time), day, hour, url_path, http_response_status_code FROM `p.logs.events` ORDER BY id LIMIT 5"
    )
    assert [[str(v) for v in row] for row in local] == far
    assert bigquery.query("SELECT rule, field FROM `p.logs.detections` WHERE category = 'log4shell' LIMIT 1")[0][0].startswith("web.log4shell")
    # what was delivered twice is seen once
    one = bigquery.query("SELECT id, FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', time) FROM `p.logs.events_raw` LIMIT 1")[0]
    bigquery.post("/datasets/logs/tables/events_raw/insertAll", {"rows": [{"insertId": "again", "json": {"id": one[0], "time": one[1], "observed_time": one[1]}}]})
    assert bigquery.query("SELECT count(*) FROM `p.logs.events_raw`") == [["402"]]
    assert bigquery.query("SELECT count(*) FROM `p.logs.events`") == [["401"]]
    assert agent.run("audit").returncode == 0
    agent.stop()
