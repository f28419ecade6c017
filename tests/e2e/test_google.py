"""Pub/Sub and BigQuery: every line arrives, whatever goes wrong between; bad rows stand alone; no key leaves the host."""
import json
import re
import threading

import pytest
from conftest import ROOT, access_line, wait_for
from fake_google import AWS_ID, AWS_SECRET, key_file


def use(agent, url, kind="pubsub", more=""):
    agent.parser = "combined"
    agent.rules = str(ROOT / "rules")
    dataset = ", dataset: logs" if kind == "bigquery" else ""
    agent.sinks["far"] = f"type: {kind}, project: p, endpoint: '{url}'{dataset}{more}"


def write_lines(agent, n, first=0, path="/ok"):
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(i, f"{path}{i}") for i in range(first, first + n))


def distinct(rows):
    return {r["id"] for r in rows}


def sink_status(agent):
    return next(s for s in agent.status()["sinks"] if s["name"] == "far")


def test_events_and_alerts_arrive_as_rows_of_their_tables(agent, google):
    use(agent, google.url)
    write_lines(agent, 3000)
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9"))
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 3001, "all events")
    wait_for(lambda: google.rows("sekisho-alerts"), "the alert")
    assert google.unknown_fields == []
    alert = google.rows("sekisho-alerts")[0]
    assert alert["rule"] == "web.log4shell.jndi" and alert["entity_value"] == "198.51.100.9"
    one = next(r for r in google.rows("sekisho-events") if r["url_path"] == "/ok0")
    assert one["service_name"] == "test" and isinstance(one["http_response_status_code"], int)
    assert isinstance(one["attributes"], dict)
    assert "body" not in one  # it is in the attributes
    audit = agent.run("audit")
    assert audit.returncode == 0, audit.stdout
    agent.stop()


def test_what_goes_wrong_on_the_way_loses_nothing(agent, google):
    google.faults = [
        ("events", (503, "UNAVAILABLE")),
        ("events", (429, "RESOURCE_EXHAUSTED", "slow down", [("Retry-After", "1")])),
        ("events", "drop"),
        ("events", "lost"),
        ("events", "garbage"),
        ("events", (409, "ABORTED")),
    ]
    use(agent, google.url)
    write_lines(agent, 2000)
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 2000 and not google.faults, "all events after all faults")
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    wait_for(lambda: sink_status(agent)["lag_events"] == 0, "all is settled")
    one = sink_status(agent)
    assert one["retries"] >= 3 and one["lag_events"] == one["lag_s"] == one["lag_bytes"] == 0 and one["rate"] > 0, one
    agent.stop()


def test_a_server_that_is_down_gets_everything_later_alerts_first(agent, google):
    use(agent, google.url)
    google.stop()
    write_lines(agent, 500)
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D"))
    agent.start()
    agent.wait_rows(501)  # the other sink is not delayed
    wait_for(lambda: sink_status(agent)["retries"] > 0, "a failed try")
    google.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 501, "all events")
    # alerts and blocks have requests of their own, which may pass each other on their way; events wait for both
    published = [p.rsplit("-", 1)[1] for _, p in google.requests if p.endswith(":publish")]
    assert "alerts:publish" in published[: published.index("events:publish")], published
    agent.stop()


def test_a_kill_while_it_is_sent_loses_nothing(agent, google):
    use(agent, google.url)
    for i in range(5):
        write_lines(agent, 1000, first=i * 1000)
        google.faults = [("events", "lost")]
        agent.start()
        wait_for(lambda: not google.faults, "a request under way")
        agent.kill()
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 5000, "all events")
    agent.stop()


@pytest.mark.parametrize("kind", ["pubsub", "bigquery"])
def test_the_bad_rows_alone_go_to_the_dead_letter(agent, google, kind):
    google.poison = "poison"
    use(agent, google.url, kind)
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(i, f"/poison{i}" if i in (7, 500, 501, 1999) else f"/ok{i}") for i in range(2000))
    agent.start()

    def arrived():
        if kind == "pubsub":
            return len(distinct(google.rows("sekisho-events")))
        return len({r["id"] for _, r in google.tables.get("events_raw", [])})

    wait_for(lambda: arrived() == 1996, "all that can arrive")
    dead = agent.root / "dead" / "far.ndjson"
    wait_for(lambda: dead.exists() and dead.read_text().count("\n") == 4, "four dead letters")
    assert set(re.findall(r"/poison(\d+)", dead.read_text())) == {"7", "500", "501", "1999"}
    assert google.unknown_fields == []
    wait_for(lambda: sink_status(agent)["rejected"] == 4, "four rejected")
    assert agent.run("audit").returncode == 0
    agent.stop()


@pytest.mark.parametrize("kind", ["pubsub", "bigquery", "cloud_logging"])
def test_several_requests_are_under_way_at_once(agent, google, kind):
    use(agent, google.url, kind, more=", requests: 3" + (", entries: all" if kind == "cloud_logging" else ""))
    google.no_instance = True
    google.together = threading.Barrier(3)
    write_lines(agent, 4000)
    agent.start()
    wait_for(lambda: sink_status(agent)["control_delivered"] + sink_status(agent)["bulk_delivered"] >= 4000, "all events")
    assert google.together is None and sink_status(agent)["retries"] == 0
    agent.stop()


def test_a_service_account_proves_itself_once_and_again_when_its_token_is_refused(agent, google):
    google.need_token = True
    use(agent, google.url, more=f", credentials: {key_file(google)}")
    write_lines(agent, 100)
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 100, "all events")
    write_lines(agent, 100, first=100)
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 200, "more events")
    assert google.token_requests == 1
    google.tokens.clear()  # taken back
    write_lines(agent, 100, first=200)
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 300, "events after the token was taken back")
    assert google.token_requests == 2 and sink_status(agent)["retries"] == 0
    out = (agent.root / "out").read_text()
    assert "token-key" not in out and "PRIVATE" not in out
    agent.stop()


def test_an_instance_of_aws_needs_no_key(agent, google, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    google.need_token = True
    path = google.folder / "wif.json"
    path.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/aws",
                "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
                "token_url": google.url + "/sts",
                "service_account_impersonation_url": google.url + "/v1/projects/-/serviceAccounts/a@p:generateAccessToken",
                "credential_source": {
                    "environment_id": "aws1",
                    "region_url": google.url + "/latest/meta-data/placement/availability-zone",
                    "url": google.url + "/latest/meta-data/iam/security-credentials",
                    "imdsv2_session_token_url": google.url + "/latest/api/token",
                    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
                },
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    use(agent, google.url, kind="bigquery", more=f", credentials: {path}")
    write_lines(agent, 100)
    agent.start()
    wait_for(lambda: len(google.tables.get("events_raw", [])) == 100, "all events")
    assert sorted(google.tokens.values()) == ["impersonated", "sts"]
    out = (agent.root / "out").read_text()
    assert AWS_SECRET not in out and AWS_ID not in out
    agent.stop()


def test_forbidden_is_held_and_said_and_delays_nobody(agent, google):
    google.always["events"] = (403, "PERMISSION_DENIED", "no pubsub.topics.publish")
    use(agent, google.url)
    write_lines(agent, 100)
    agent.start()
    agent.wait_rows(100)
    wait_for(lambda: sink_status(agent)["held"], "it is held")
    assert "pubsub.topics.publish" in sink_status(agent)["last_error"]
    one = sink_status(agent)
    size = (agent.logs / "a.log").stat().st_size
    assert (one["lag_events"], one["lag_bytes"], one["in_flight"], one["rejected"]) == (100, size, 0, 0)
    wait_for(lambda: sink_status(agent)["lag_s"] >= 1, "what waits grows old")
    line = next(x for x in agent.run("status").stdout.splitlines() if x.startswith("sink far"))
    assert "lag 100 events, " in line and "; 0.0/s, 0 in flight; " in line and "dead letters 0; HELD; last error " in line, line
    agent.stop()


def test_what_a_config_lacks_is_said(agent, google):
    agent.config.write_text("inputs: [{files: [/tmp/x.log]}]\nsinks:\n  far: {type: bigquery, project: p}\n  near: {type: pubsub, endpoint: ftp://x}\n")
    check = agent.run("check")
    assert check.returncode == 78
    assert "sekisho.yaml:3:" in check.stderr and "needs `dataset:`" in check.stderr
    assert "sekisho.yaml:4:" in check.stderr and "needs `project:`" in check.stderr and "is no URL" in check.stderr


def test_check_online_walks_every_hop_and_says_what_to_grant(agent, google):
    google.need_token = True
    sink = "  far: {{type: pubsub, project: p, endpoint: '{0}', credentials: {1}}}\n"
    agent.config.write_text("inputs: [{files: [/tmp/x.log]}]\nsinks:\n" + sink.format(google.url, key_file(google)))
    google.may_publish = {"sekisho-events", "sekisho-alerts", "sekisho-blocks", "sekisho-rejects"}
    check = agent.run("check", "--online")
    assert check.returncode == 69, check
    assert "far: ok:   credentials: a token was granted" in check.stdout
    assert "far: ok:   topic sekisho-events: may publish" in check.stdout
    assert "far: FAIL: topic sekisho-ledger: no permission pubsub.topics.publish; grant roles/pubsub.publisher" in check.stdout
    google.may_publish.add("sekisho-ledger")
    assert agent.run("check", "--online").returncode == 0
    google.always["/token"] = (400, "invalid_grant")
    check = agent.run("check", "--online")
    assert check.returncode == 69 and "FAIL: credentials: " in check.stdout, check.stdout


@pytest.mark.parametrize("keep, kept", [("always", 4), ("unparsed", 1), ("detected", 3)])
def test_a_line_is_kept_besides_its_attributes_where_it_is_asked_for(agent, google, keep, kept):
    use(agent, google.url, more=f", keep_body: {keep}")
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/ok") + "no access line at all\n")
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D") + access_line(1, "/", agent="sqlmap/1.7"))
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 4, "all events")
    rows = {r["id"]: r for r in google.rows("sekisho-events")}.values()
    assert sum("body" in r for r in rows) == kept
    agent.stop()
