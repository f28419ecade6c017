"""Alerts by webhook: each template is what its service takes, signed, once, at a rate, and nothing else is sent."""
import hashlib
import hmac
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import access_line, wait_for

SECRET, TOKEN = "s3cret of the test", "R0UT1NGKEY"
RULE = """title: {name}
name: t.{name}
id: 7b0fbb2b-8f1b-4f6f-9a43-00000000010{n}
category: {category}
evidence: conclusive
level: {level}
logsource: {{category: webserver}}
detection:
  s: {{cs-uri-stem: /{name}}}
  condition: s
"""
RULES = [("shell", "webshell", "high"), ("noise", "log4shell", "critical"), ("sqli", "sqli", "high"), ("scan", "scanner", "medium")]


class Server:
    """Takes everything, unless told otherwise."""

    def __init__(self):
        self.posts = []  # (path, headers, body), of all that were answered with 2xx
        self.tries = []
        self.faults = []  # (status, body, headers), each used once
        self.always = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(405)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.tries.append((time.monotonic(), body))
                fault = server.faults.pop(0) if server.faults else server.always
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault is None:
                    server.posts.append((self.path, dict(self.headers), body))
                self.answer(*(fault or (200, "ok")))

            def answer(self, status, text="", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook/"

    def bodies(self):
        return [json.loads(body) for _, _, body in self.posts]


@pytest.fixture
def server():
    s = Server()
    yield s
    s.http.shutdown()
    s.http.server_close()


@pytest.fixture
def web(agent):
    for n, (name, category, level) in enumerate(RULES):
        (agent.root / "rules" / f"{name}.yml").write_text(RULE.format(n=n, name=name, category=category, level=level))
    (agent.root / "secret").write_text(SECRET + "\n")
    (agent.root / "token").write_text(TOKEN + "\n")
    agent.parser = "combined"
    return agent


def use(agent, server, more, secret=True):
    signed = f", secret_file: {agent.root}/secret" if secret else ""
    agent.sinks["hook"] = f"type: webhook, url: '{server.url}'{signed}, {more}"


def put(agent, *what):
    """Lines: (path, address), each an alert of its own."""
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(1, f"/{path}", addr) for path, addr in what)


def hook(agent):
    return next(s for s in agent.status()["sinks"] if s["name"] == "hook")


def check_signature(headers, body):
    parts = dict(p.split("=", 1) for p in headers["X-Sekisho-Signature"].split(","))
    assert abs(int(parts["t"]) - time.time()) < 120
    assert parts["v1"] == hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()


def audit(agent):
    """delivered, rejected and dropped of both lanes, when nothing waits: in any sink, as SQLite is asked for rows."""

    def settled():
        a = agent.run("audit")
        if any(n != "0" for n in re.findall(r" waiting (\d+) ", a.stdout)):
            return None
        lines = re.findall(r"^hook .* delivered (\d+) \+ waiting (\d+) \+ rejected (\d+) .* dropped (\d+) ", a.stdout, re.M)
        return a.returncode == 0 and len(lines) == 2 and all(n[1] == "0" for n in lines) and lines

    return tuple(sum(int(n[k]) for n in wait_for(settled, "the audit balances")) for k in (0, 2, 3))


def test_json_has_the_row_signed_and_nothing_but_alerts(web, server):
    use(web, server, "template: json")
    put(web, *[("ok", "192.0.2.1")] * 500, ("sqli", "203.0.113.1"), ("scan", "203.0.113.2"), ("shell", "203.0.113.3"))
    web.start()
    web.wait_rows(503)
    wait_for(lambda: len(server.posts) == 2, "both alerts")
    for _, headers, body in server.posts:
        check_signature(headers, body)
    alerts = [b["alert"] for b in server.bodies()]
    assert {(a["rule"], a["entity_value"], a["level"], a["revision"]) for a in alerts} == {
        ("t.sqli", "203.0.113.1", "high", 1), ("t.shell", "203.0.113.3", "high", 1)}
    assert [a["page"] for a in alerts if a["rule"] == "t.shell"] == [True] and len({a["id"] for a in alerts}) == 2
    assert all(b["type"] == "alert" and b["held_back"] == 0 for b in server.bodies())
    assert audit(web) == (2, 0, 504 + web.count("blocks_raw"))  # 503 events, the alert that is too low, decisions
    web.stop()
    web.start()  # what was sent is not sent again
    put(web, ("sqli", "203.0.113.4"))
    wait_for(lambda: len(server.posts) == 3, "the new alert")
    assert server.bodies()[2]["alert"]["entity_value"] == "203.0.113.4"
    web.stop()
    assert SECRET not in (web.root / "out").read_text()


def test_slack_gets_plain_text_at_its_secret_address(web, server):
    use(web, server, f"template: slack, token_file: {web.root}/token", secret=False)
    put(web, ("shell", "203.0.113.1"))
    web.start()
    wait_for(lambda: server.posts, "the message")
    path, headers, _ = server.posts[0]
    message = server.bodies()[0]
    assert path == "/hook/" + TOKEN and "X-Sekisho-Signature" not in headers
    assert message["text"].startswith("high webshell: t.shell by client 203.0.113.1 on ") or "203.0.113.1" in message["text"]
    header, section = message["blocks"]
    assert header["type"] == "header" and len(header["text"]["text"]) <= 150
    assert section["type"] == "section" and 0 < len(section["fields"]) <= 10
    assert all(f["type"] == "plain_text" and 0 < len(f["text"]) <= 2000 for f in [header["text"], *section["fields"]])
    assert "who: 203.0.113.1" in [f["text"] for f in section["fields"]]
    web.stop()
    assert TOKEN not in (web.root / "out").read_text()


def test_pagerduty_wakes_for_what_matters_and_once_a_day_for_noise(web, server):
    use(web, server, f"template: pagerduty, token_file: {web.root}/token")
    put(web, ("noise", "203.0.113.1"), ("noise", "203.0.113.2"), ("sqli", "203.0.113.3"), ("shell", "203.0.113.4"))
    web.start()
    wait_for(lambda: len(server.posts) == 2, "both pages")
    put(web, ("noise", "203.0.113.5"), ("shell", "203.0.113.6"))
    wait_for(lambda: len(server.posts) == 3, "the next page")
    events = server.bodies()
    assert all(e["routing_key"] == TOKEN and e["event_action"] == "trigger" for e in events)
    assert sorted(e["payload"]["class"] for e in events) == ["t.noise", "t.shell", "t.shell"]
    for e in events:
        row = e["payload"]["custom_details"]
        assert e["dedup_key"] == row["id"] and e["payload"]["summary"] and e["payload"]["source"] == row["host_name"]
        assert e["payload"]["severity"] == ("critical" if row["level"] == "critical" else "error")
        assert e["payload"]["timestamp"] == row["time"]
    assert sum(e["payload"]["custom_details"]["held_back"] for e in events) >= 1
    audit(web)
    web.stop()


def test_a_flood_is_held_back_and_counted_and_does_not_hold_back_pages(web, server):
    use(web, server, "per_minute: 3")
    put(web, *[("sqli", f"203.0.113.{i}") for i in range(40)])
    web.start()
    web.wait_rows(40, "alerts")
    wait_for(lambda: len(server.posts) >= 3, "the first")
    audit(web)
    before = len(server.posts)
    assert before <= 4
    put(web, ("shell", "198.51.100.1"))
    wait_for(lambda: len(server.posts) > before, "the page")
    page = server.bodies()[before]
    assert page["alert"]["rule"] == "t.shell"
    assert page["held_back"] + sum(b["held_back"] for b in server.bodies()[:before]) == 40 - before
    web.stop()


def test_it_is_tried_again_until_it_is_taken_and_sent_once(web, server):
    server.faults = ["drop", (503, ""), (429, "slow", [("Retry-After", "3")]), (500, "")]
    use(web, server, "template: json")
    put(web, ("sqli", "203.0.113.1"), ("shell", "203.0.113.2"))
    web.start()
    wait_for(lambda: len(server.posts) == 2, "both alerts")
    times = [t for t, _ in server.tries]
    assert len(times) == 6 and times[3] - times[2] >= 2.9, times
    assert len({json.loads(b)["alert"]["id"] for _, _, b in server.posts}) == 2
    assert audit(web) == (2, 0, 2 + web.count("blocks_raw")) and hook(web)["retries"] >= 4
    web.stop()


def test_what_the_server_calls_wrong_is_rejected_alone(web, server):
    server.faults = [(400, "no such field")]
    use(web, server, "template: json")
    put(web, ("sqli", "203.0.113.1"), ("shell", "203.0.113.2"))
    web.start()
    wait_for(lambda: len(server.posts) == 1, "the other one")
    dead = web.root / "dead" / "hook.ndjson"
    wait_for(lambda: dead.exists() and dead.read_text().count("\n") == 1, "the dead letter")
    assert "no such field" in dead.read_text()
    assert audit(web) == (1, 1, 2 + web.count("blocks_raw"))
    web.stop()


@pytest.mark.parametrize("fault", [(404, "no_service"), (410, "channel_is_archived"), (403, "invalid_token"), (302, "moved", [("Location", "/x")])])
def test_a_url_that_is_gone_is_held_and_said(web, server, fault):
    server.always = fault
    use(web, server, "template: json")
    put(web, ("sqli", "203.0.113.1"))
    web.start()
    wait_for(lambda: hook(web)["held"], "it is held")
    assert fault[1] in hook(web)["last_error"] and hook(web)["rejected"] == 0
    web.stop()


def test_a_wrong_routing_key_costs_no_alert(web, server):
    server.always = (400, '{"status":"invalid event","errors":["Invalid routing key"]}')
    use(web, server, f"template: pagerduty, token_file: {web.root}/token")
    put(web, ("shell", "203.0.113.1"))
    web.start()
    wait_for(lambda: hook(web)["held"], "it is held")
    web.stop()


def test_old_alerts_are_counted_and_wake_nobody(web, server):
    use(web, server, "template: json")
    old = access_line(1, "/shell", "203.0.113.1").replace(time.strftime("/%Y:", time.gmtime()), "/2020:")
    (web.logs / "a.log").write_text(old)
    web.start()
    web.wait_rows(1, "alerts")
    audit(web)  # the hook has seen it as well: what one commit holds back is told by the next one
    put(web, ("shell", "203.0.113.2"))
    wait_for(lambda: server.posts, "the new one")
    wait_for(lambda: len(server.posts) == 1 and server.bodies()[0]["held_back"] == 1, "only the new one, with the count")
    web.stop()


def test_secrets_are_named_and_never_written(web, server):
    web.config.write_text(
        "inputs: [{files: [/tmp/x.log]}]\nsinks:\n"
        "  a: {type: webhook, url: 'http://hooks.example.com/x', secret_env: X}\n"
        "  b: {type: webhook, template: pagerduty}\n"
        "  c: {type: webhook, url: 'https://x.example', secret: abc}\n"
        "  d: {type: webhook, url: 'https://x.example'}\n")
    check = web.run("check")
    assert check.returncode == 78
    assert "secret: " in check.stderr or "'secret'" in check.stderr
    web.config.write_text(web.config.read_text().replace(", secret: abc", ", secret_env: X"))
    check = web.run("check")
    assert ":3:" in check.stderr and "https only" in check.stderr
    assert ":4:" in check.stderr and "routing key" in check.stderr
    assert ":6:" in check.stderr and "`secret_file:`" in check.stderr
    os.environ.pop("HOOK_SECRET", None)
    web.config.write_text(f"inputs: [{{files: [/tmp/x.log]}}]\nsinks:\n  a: {{type: webhook, url: '{server.url}', secret_env: HOOK_SECRET}}\n")
    online = web.run("check", "--online")
    assert online.returncode == 69 and "no HOOK_SECRET" in online.stdout
    os.environ["HOOK_SECRET"] = SECRET
    online = web.run("check", "--online")
    assert online.returncode == 0 and "the server answers" in online.stdout and not server.tries
    os.environ.pop("HOOK_SECRET")
