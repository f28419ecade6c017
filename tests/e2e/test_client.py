"""Whose address is it? Seen by somebody trusted, forwarded by hops that are where they should be, or only claimed."""
import json
import subprocess

import pytest

from conftest import ROOT, SEKISHO, access_line

ME, ALB, EDGE, FORGED = "203.0.113.7", "10.0.0.5", "23.32.0.9", "198.51.100.66"
NETWORKS = "networks: {alb: [10.0.0.0/8], cdn: [23.32.0.0/11]}"

# what the log says of the peer, and of X-Forwarded-For; whose it is, and how we know
CASES = {
    "direct": ("", [
        (ME, "-", ME, "peer"),
        (ME, FORGED, ME, "peer"),
    ]),
    "balancer": ("{log: xff, hops: [alb]}", [
        (ALB, ME, ME, "forwarded"),
        (ALB, f"{FORGED}, {ME}", ME, "forwarded"),
        (ME, FORGED, ME, "peer"),                    # past the balancer: the peer is who it is
        (ALB, "-", ALB, "claimed"),                  # the balancer's own checks are nobody's
        (ALB, f"{ME}, {ALB}", ALB, "claimed"),       # a hop never is an entity
        (ALB, f"{FORGED}, not an address", ALB, "claimed"),
        (ALB, f"{ME}:4711", ME, "forwarded"),
    ]),
    "cdn": ("{log: xff, hops: [alb, cdn]}", [
        (ALB, f"{ME}, {EDGE}", ME, "forwarded"),
        (ALB, f"{FORGED}, {ME}, {EDGE}", ME, "forwarded"),
        (ALB, f"{FORGED}, {EDGE}, {ME}, {EDGE}", ME, "forwarded"),
        (ALB, f"{FORGED}, {ME}", ME, "claimed"),     # to the balancer past the CDN
        (ALB, f"{EDGE}", EDGE, "claimed"),           # an edge is nobody
        (ALB, f"{FORGED}, {EDGE}, {EDGE}", EDGE, "claimed"),
        (EDGE, f"{FORGED}, {ME}", EDGE, "claimed"),  # an edge at the host itself, past the balancer
        (ME, f"{FORGED}, {EDGE}", ME, "peer"),
        (ALB, "2001:db8::7, 23.32.0.9", "2001:db8::7", "forwarded"),
    ]),
    "realip": ("{log: realip, hops: [alb, cdn]}", [
        (ME, FORGED, ME, "forwarded"),
        (EDGE, ME, EDGE, "claimed"),
        (ALB, ME, ALB, "claimed"),
    ]),
}


# the peer, X-Forwarded-For; did it come past a hop?
ROUTES = [
    (ALB, f"{ME}, {EDGE}", False),
    (ALB, f"{FORGED}, {ME}", True),   # at the balancer
    (ME, f"{FORGED}, {EDGE}", True),  # at the host, with a chain of its own
    (ALB, "-", False),                # the balancer's checks
    (ALB, "10.1.2.3", False),         # a service of ours
    ("192.168.7.7", "-", False),
    (ALB, f"{FORGED}, nonsense", False),
    (ALB, "2001:db8::7", True),
    (ALB, "fd00::7", False),
]


def test_who_comes_past_the_cdn_is_told(tmp_path):
    log = tmp_path / "a.log"
    with open(log, "w") as f:
        for n, (peer, xff, _) in enumerate(ROUTES):
            f.write(access_line(n, f"/{n}", peer).rstrip("\n") + f' "{xff}"\n')
    config = tmp_path / "c.yaml"
    config.write_text(
        f"inputs:\n  - {{files: [{log}], parser: combined, client_address: {{log: xff, hops: [alb, cdn]}}}}\n"
        f"{NETWORKS}\nrules: [{ROOT}/rules]\n"
    )
    out = subprocess.run([SEKISHO, "scan", "-c", str(config), "--all", str(log)], capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in out.stdout.splitlines()]
    told = ["recon.origin-bypass" in [d["rule"] for d in e.get("detections", [])] for e in events if e["kind"] == "event"]
    assert told == [bypass for _, _, bypass in ROUTES]


@pytest.mark.parametrize("name", CASES)
def test_provenance(agent, name):
    rule, cases = CASES[name]
    client = f", client_address: {rule}" if rule else ""
    agent.inputs = f'  - {{files: ["{agent.files}"], parser: combined{client}}}'
    agent.more = NETWORKS
    agent.start()
    with open(agent.logs / "a.log", "w") as f:
        for n, (peer, xff, _, _) in enumerate(cases):
            f.write(access_line(n, f"/{n}", peer).rstrip("\n") + f' "{xff}"\n')
    agent.wait_rows(len(cases))
    rows = agent.query("SELECT client_address, client_provenance FROM events ORDER BY seq")
    assert rows == [(who, how) for _, _, who, how in cases]
    agent.stop()
