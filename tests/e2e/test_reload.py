"""SIGHUP: rules are taken at once; a configuration that changed is told, with what is wrong with it."""
import signal

from conftest import access_line, wait_for

RULE = """title: x
id: 1f0e3c7a-5f7e-4b5e-9a55-9d7f0f3f9d10
name: t.x
level: medium
category: recon
logsource: {category: webserver}
detection: {selection: {cs-uri-stem: /x}, condition: selection}
"""


def hup(agent, *said):
    """What the log says from then on, once it says these."""
    before = len((agent.root / "out").read_text())
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: all(x in (agent.root / "out").read_text()[before:] for x in said), f"the log says {said}")
    return (agent.root / "out").read_text()[before:]


def test_an_idle_agent_takes_rules_at_once(agent):
    agent.parser = "combined"
    agent.start()
    (agent.root / "rules" / "r.yml").write_text(RULE)
    hup(agent, "rules were reloaded")
    (agent.logs / "a.log").write_text(access_line(1, "/x"))
    wait_for(lambda: agent.query("SELECT rule FROM events") == [("t.x",)], "the new rule is used")
    agent.stop()


def test_a_changed_configuration_is_told(agent):
    agent.start()
    text = agent.config.read_text()
    assert "configuration" not in hup(agent, "rules were reloaded")
    agent.config.write_text(text.replace("parser: raw", "parser: json"))
    hup(agent, "the configuration changed: it is taken by a restart", "rules were reloaded")
    agent.config.write_text(text.replace("parser: raw", "parsr: raw"))
    said = hup(agent, "a restart would fail", "rules were reloaded")
    assert "unknown key 'parsr'" in said and f"{agent.config}:3:" in said
    agent.config.write_text(text)
    assert "configuration" not in hup(agent, "rules were reloaded")
    agent.stop()
