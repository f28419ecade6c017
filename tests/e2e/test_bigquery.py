"""Against bqemulator (SQL by DuckDB): the DDL applies, rows land with their types, views say each event once."""
import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, SEKISHO, access_line, wait_for
from google_parts import Proxy, certificate


def test_events_land_and_an_analyst_can_ask(agent, bigquery):
    bigquery.post("/datasets", {"datasetReference": {"datasetId": "logs", "projectId": "p"}})
    ddl = subprocess.run([SEKISHO, "schema", "bigquery", "p.logs"], capture_output=True, text=True, check=True).stdout
    statements = [s for s in ddl.split(";\n") if s.strip()]
    for statement in statements[:4]:
        bigquery.query(statement)
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    agent.sinks["far"] = f"type: bigquery, project: p, dataset: logs, endpoint: '{bigquery.base}'"
    agent.write_config()
    check = agent.run("check", "--online")
    assert check.returncode == 69 and "far: FAIL: table ledger: HTTP 404" in check.stdout, check.stdout
    for statement in statements[4:]:
        bigquery.query(statement)
    check = agent.run("check", "--online")
    assert check.returncode == 0 and "far: ok:   table events_raw: " in check.stdout, check.stdout
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


# ---- the Storage Write API ----


def make_tables(bigquery, dataset, change=lambda ddl: ddl):
    bigquery.post("/datasets", {"datasetReference": {"datasetId": dataset, "projectId": "p"}})
    ddl = subprocess.run([SEKISHO, "schema", "bigquery", f"p.{dataset}"], capture_output=True, text=True, check=True).stdout
    for statement in change(ddl).split(";\n"):
        if statement.strip().startswith("CREATE TABLE"):
            bigquery.query(statement)


def write_by(agent, **sinks):
    """Sinks by name: a dataset of that name, with these settings."""
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    for name, more in sinks.items():
        agent.sinks[name] = f"type: bigquery, project: p, dataset: {name}, {more}"


def state_of(agent, sink):
    return next(s for s in agent.status()["sinks"] if s["name"] == sink)


def test_rows_appended_are_those_inserted(agent, bigquery):
    for dataset in ("inserted", "appended"):
        make_tables(bigquery, dataset)
    write_by(agent, inserted=f"endpoint: '{bigquery.base}'", appended=f"mode: storage_write, endpoint: '{bigquery.grpc}', keep_body: unparsed")
    with open(agent.logs / "a.log", "wb") as f:
        f.writelines(access_line(i, f"/ok{i}?q=a%00b%E3%81%82\\x22").encode() for i in range(700))
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9").encode())
        f.write(b"no access line: \x00 \xff \xe3\x81\x82 \\ \"\n")
    agent.start()
    for dataset in ("inserted", "appended"):
        wait_for(lambda: bigquery.query(f"SELECT count(DISTINCT id) FROM `p.{dataset}.events_raw`") == [["702"]], f"all events {dataset}")
        wait_for(lambda: bigquery.query(f"SELECT count(*) FROM `p.{dataset}.alerts_raw`") != [["0"]], "the alert")
    for table in ("events_raw", "alerts_raw"):
        a, b = (bigquery.query(f"SELECT * FROM `p.{d}.{table}` ORDER BY seq") for d in ("inserted", "appended"))
        assert a == b and len(a) > 0, next((x, y) for x, y in zip(a, b) if x != y)
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()


@pytest.mark.parametrize("mode", ["insert_all", "storage_write"])
def test_rows_that_the_table_refuses_stand_alone(agent, bigquery, mode):
    make_tables(bigquery, "far", lambda ddl: ddl.replace("`url_query` STRING OPTIONS", "`url_query` STRING NOT NULL OPTIONS", 1))
    write_by(agent, far=f"mode: {mode}, endpoint: '{bigquery.grpc if mode == 'storage_write' else bigquery.base}'")
    bad = {*range(3, 600, 2)}  # more than a handful
    with open(agent.logs / "a.log", "w") as f:
        f.writelines(access_line(i, f"/bad{i}" if i in bad else f"/ok{i}?q=1") for i in range(1000))
    agent.start()
    wait_for(lambda: bigquery.query("SELECT count(DISTINCT id) FROM `p.far.events_raw`") == [[str(1000 - len(bad))]], "all that can arrive")
    wait_for(lambda: state_of(agent, "far")["rejected"] == len(bad), "the others are refused")
    dead = (agent.root / "dead" / "far.ndjson").read_text()
    assert {int(n) for n in re.findall(r"/bad(\d+)", dead)} == bad
    assert "Missing required field" in dead
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()


def test_a_table_that_lacks_a_column_holds_and_blames_no_row(agent, bigquery):
    make_tables(bigquery, "far", lambda ddl: re.sub(r"  `url_path` STRING OPTIONS.*\n", "", ddl, count=1))
    write_by(agent, far=f"mode: storage_write, endpoint: '{bigquery.grpc}'")
    agent.write_config()
    check = agent.run("check", "--online")
    assert check.returncode == 69, check
    assert "far: FAIL: table events_raw: no column url_path; `sekisho schema bigquery` prints them" in check.stdout, check.stdout
    assert "far: ok:   table alerts_raw: " in check.stdout
    with open(agent.logs / "a.log", "w") as f:
        f.writelines(access_line(i, f"/ok{i}") for i in range(10))
    agent.start()
    wait_for(lambda: state_of(agent, "far")["held"], "it is held")
    assert "url_path" in state_of(agent, "far")["last_error"] and state_of(agent, "far")["rejected"] == 0
    agent.stop()


def test_a_table_that_is_not_there_is_said_with_what_makes_it(agent, bigquery):
    bigquery.post("/datasets", {"datasetReference": {"datasetId": "far", "projectId": "p"}})
    write_by(agent, far=f"mode: storage_write, endpoint: '{bigquery.grpc}'")
    with open(agent.logs / "a.log", "w") as f:
        f.write(access_line(1, "/"))
    agent.start()
    wait_for(lambda: state_of(agent, "far")["held"], "it is held")
    assert "NOT_FOUND" in state_of(agent, "far")["last_error"]
    check = agent.run("check", "--online")
    assert "far: FAIL: table ledger: gRPC 5 NOT_FOUND" in check.stdout and "`sekisho schema bigquery` prints what makes it" in check.stdout
    agent.stop()


@pytest.fixture
def nginx(tmp_path, bigquery):
    """TLS with HTTP/2 before the emulator's gRPC; its URL and its certificate."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    work = tmp_path / "nginx"
    work.mkdir()
    os.chmod(work, 0o755)
    cert, key = certificate(work)
    port = int(bigquery.base.rsplit(":", 1)[1]) + 2
    temp = "".join(f"{n}_temp_path {work}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (work / "nginx.conf").write_text(
        f"daemon off; pid {work}/pid; error_log {work}/err; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; client_max_body_size 32m; {temp} ssl_certificate {cert}; ssl_certificate_key {key};\n"
        f"server {{ listen 127.0.0.1:{port} ssl http2; location / {{ grpc_pass grpc://{bigquery.grpc.removeprefix('http://')}; }} }} }}\n"
    )
    p = subprocess.Popen(["nginx", "-p", str(work), "-c", str(work / "nginx.conf"), "-e", str(work / "err")], stderr=subprocess.DEVNULL)
    yield f"https://localhost:{port}", cert
    p.terminate()
    p.wait(timeout=30)


def test_appended_by_tls_with_a_proxy_between(agent, bigquery, nginx):
    url, cert = nginx
    make_tables(bigquery, "far")
    write_by(agent, far=f"mode: storage_write, endpoint: '{url}', ca_file: {cert}")
    agent.start()
    for i in range(3):
        with open(agent.logs / "a.log", "a") as f:
            f.writelines(access_line(n, f"/ok{n}") for n in range(i * 1000, i * 1000 + 1000))
        wait_for(lambda: bigquery.query("SELECT count(DISTINCT id) FROM `p.far.events_raw`") == [[str(i * 1000 + 1000)]], "these events")
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()


def test_a_connection_that_breaks_loses_nothing(agent, bigquery):
    make_tables(bigquery, "far")
    proxy = Proxy(int(bigquery.grpc.rsplit(":", 1)[1]))
    write_by(agent, far=f"mode: storage_write, endpoint: '{proxy.url}'")
    proxy.refuse = 2  # cut as soon as something was sent
    with open(agent.logs / "a.log", "w") as f:
        f.writelines(access_line(i, f"/ok{i}") for i in range(1000))
    agent.start()
    wait_for(lambda: bigquery.query("SELECT count(DISTINCT id) FROM `p.far.events_raw`") == [["1000"]], "all events")
    assert proxy.refuse == 0 and state_of(agent, "far")["retries"] >= 2
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()
    proxy.stop()
