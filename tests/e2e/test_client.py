"""Whose address is it? Seen by somebody trusted, forwarded by hops that are where they should be, or only claimed."""
import pytest

from conftest import access_line, wait_for

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
