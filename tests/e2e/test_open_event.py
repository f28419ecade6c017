"""A log of which only an event of several lines is there, still open, is known all the same."""
import os

import pytest

from conftest import wait_for


@pytest.mark.parametrize("kill", [False, True])
def test_it_is_rotated_and_the_agent_ends(agent, kill):
    log = agent.logs / "app.log"
    agent.inputs = f'  - {{files: ["{log}"], parser: raw, multiline: "^START"}}\n  - {{files: ["{agent.logs}/busy.log"], parser: raw}}'
    (agent.logs / "busy.log").write_text("busy\n")
    agent.start()
    agent.wait_rows(1)
    log.write_text("START 1\n  at a\n  at b\n")
    wait_for(lambda: "frames 1 to 1 " not in agent.run("journal", "list").stdout, "its place is journalled")
    os.rename(log, f"{log}.1")
    log.write_text("START 2\n")
    with open(agent.logs / "busy.log", "a") as f:  # a frame that is newer than the old log
        f.write("busy\n")
    agent.wait_rows(2)
    agent.kill() if kill else agent.stop()
    agent.start()
    agent.wait_rows(4)
    assert sorted(b for b in agent.bodies() if b != "busy") == ["START 1\n  at a\n  at b", "START 2"]
    agent.stop()
