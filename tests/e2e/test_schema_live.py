"""`schema bigquery` against bqemulator: what is missing is made, what differs is told, what came twice is cleaned."""
import json
import subprocess
import urllib.request

from conftest import SEKISHO, access_line, wait_for
from fake_google import key_file


def schema(*args, env=None):
    return subprocess.run([SEKISHO, "schema", "bigquery", *args], capture_output=True, text=True, timeout=120, env=env)


def live(bigquery, *args):
    return schema("p.logs", "--endpoint", bigquery.base, *args)


def change(bigquery, method, path, body=None):
    r = urllib.request.Request(bigquery.base + "/bigquery/v2/projects/p/datasets/logs/tables" + path, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"}, method=method)
    data = urllib.request.urlopen(r, timeout=60).read()
    return json.loads(data) if data else None


def make_dataset(bigquery):
    bigquery.post("/datasets", {"datasetReference": {"datasetId": "logs", "projectId": "p"}})


def test_what_is_missing_is_made_and_what_is_there_stays(agent, bigquery):
    make_dataset(bigquery)
    diff = live(bigquery, "--diff")
    assert diff.returncode == 1 and "missing table events_raw" in diff.stdout and "missing view detections" in diff.stdout
    assert live(bigquery, "--diff").stdout == diff.stdout  # nothing was made
    apply = live(bigquery, "--apply")
    assert apply.returncode == 0 and "made table events_raw" in apply.stdout and "made view alerts" in apply.stdout, apply
    assert (live(bigquery, "--diff").returncode, live(bigquery, "--apply").stdout) == (0, "p.logs is as it should be\n")

    # a table of an older version, with a column of somebody's own
    table = change(bigquery, "GET", "/events_raw")
    assert table["timePartitioning"] == {"type": "DAY", "field": "time"}
    change(bigquery, "DELETE", "/events_raw")
    lacks = {"user_agent_synthetic_type", "detections"}
    fields = [f for f in table["schema"]["fields"] if f["name"] not in lacks] + [{"name": "team", "type": "STRING"}]
    change(bigquery, "POST", "", {**{k: table[k] for k in ("tableReference", "timePartitioning", "clustering")}, "schema": {"fields": fields}})
    change(bigquery, "PATCH", "/alerts", {"view": {"query": "SELECT * FROM `p.logs.alerts_raw`", "useLegacySql": False}})
    diff = live(bigquery, "--diff")
    assert diff.returncode == 1
    assert sorted(diff.stdout.splitlines()) == ["differs view alerts"] + [f"missing column {c} of table events_raw" for c in sorted(lacks)]
    apply = live(bigquery, "--apply")
    assert apply.returncode == 0 and "added column detections of table events_raw" in apply.stdout and "changed view alerts" in apply.stdout, apply
    assert live(bigquery, "--diff").returncode == 0
    assert "team" in [f["name"] for f in change(bigquery, "GET", "/events_raw")["schema"]["fields"]]

    # and rows go in
    agent.parser = "combined"
    agent.sinks["far"] = f"type: bigquery, project: p, dataset: logs, endpoint: '{bigquery.base}'"
    (agent.logs / "a.log").write_text("".join(access_line(i, f"/{i}") for i in range(100)))
    agent.start()
    wait_for(lambda: bigquery.query("SELECT count(*) FROM `p.logs.events`") == [["100"]], "the rows")
    agent.stop()


def test_what_can_not_be_changed_is_told(bigquery):
    make_dataset(bigquery)
    assert live(bigquery, "--apply").returncode == 0
    table = change(bigquery, "GET", "/ledger")
    change(bigquery, "DELETE", "/ledger")
    fields = [{**f, "type": "STRING"} if f["name"] == "lost_bytes" else f for f in table["schema"]["fields"] if f["name"] != "what"]
    fields.append({"name": "owner", "type": "STRING", "mode": "REQUIRED"})
    change(bigquery, "POST", "", {"tableReference": table["tableReference"], "schema": {"fields": fields}})
    for how in ("--diff", "--apply"):
        out = live(bigquery, how)
        assert out.returncode == 1
        for text in (
            "differs table ledger: column lost_bytes is STRING NULLABLE, not INT64; this can't be changed in place",
            "differs table ledger: column owner is not ours and REQUIRED",
            "differs table ledger: it is not partitioned by day of time",
            "differs table ledger: it is clustered by other columns",
        ):
            assert text in out.stdout, out.stdout
        assert ("added" if how == "--apply" else "missing") + " column what of table ledger" in out.stdout


def test_who_may_not_and_what_is_not_there_is_said_with_the_remedy(google):
    args = ("p.logs", "--endpoint", google.url, "--credentials", str(key_file(google)))
    google.need_token = True
    google.always["/tables/"] = (404, "NOT_FOUND")
    google.faults = [("/tables", (404, "NOT_FOUND"))] * 2
    out = schema(*args, "--apply")
    assert out.returncode == 69 and "make the dataset first (bq mk" in out.stderr, out
    google.always = {"/tables/": (403, "PERMISSION_DENIED", "no bigquery.tables.get")}
    google.faults = []
    out = schema(*args, "--diff")
    assert out.returncode == 69 and "events_raw: HTTP 403 PERMISSION_DENIED: no bigquery.tables.get" in out.stderr, out
    google.always = {"/token": (400, "invalid_grant")}
    assert schema(*args, "--diff").returncode == 69
    for wrong in (("logs", "--diff"), ("p.logs", "--diff", "--apply"), ("p.", "--apply")):
        assert schema(*wrong).returncode == 64
    assert subprocess.run([SEKISHO, "schema", "sqlite", "--diff"], capture_output=True).returncode == 64


def test_the_scheduled_statement_removes_what_came_twice_and_nothing_else(bigquery):
    make_dataset(bigquery)
    assert live(bigquery, "--apply").returncode == 0

    def insert(id, time, observed, times):
        rows = [{"insertId": f"{id}-{time}-{i}", "json": {"id": id, "time": time, "observed_time": observed, "url_path": f"/{id}"}} for i in range(times)]
        bigquery.post("/datasets/logs/tables/events_raw/insertAll", {"rows": rows})

    day, now = bigquery.query("SELECT FORMAT_TIMESTAMP('%F', TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 3 DAY)), FORMAT_TIMESTAMP('%FT%TZ', CURRENT_TIMESTAMP())")[0]
    insert("a", day + "T01:00:00Z", day + "T01:00:01Z", 3)
    insert("a", day + "T02:00:00Z", day + "T02:00:01Z", 1)  # another event
    insert("b", day + "T01:00:00Z", day + "T01:00:01Z", 2)
    insert("c", now, now, 2)  # too new
    clean = schema("p.logs", "--clean")
    assert clean.returncode == 0
    bigquery.query(clean.stdout.replace("INSERT ROW", "INSERT *"))  # DuckDB's word for it
    rows = bigquery.query("SELECT id, count(*) FROM `p.logs.events_raw` GROUP BY id ORDER BY id")
    assert rows == [["a", "2"], ["b", "1"], ["c", "2"]]
    assert bigquery.query("SELECT count(*) FROM `p.logs.events`") == [["4"]]
