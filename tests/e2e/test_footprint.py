"""What an agent costs its host: no library that its configuration does not need."""
import pathlib

LATE = ["libcrypto", "libcurl", "libgnutls", "libmicrohttpd", "libnftables", "librdkafka", "libsqlite3"]


def libraries(pid):
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    return [name for name in LATE if f"/{name}." in maps]


def test_an_agent_maps_only_the_libraries_it_calls(agent):
    agent.start()
    assert libraries(agent.process.pid) == ["libsqlite3"]
    agent.stop()


def test_a_sink_opens_its_library_and_what_that_needs(agent):
    (agent.root / "secret").write_text("s3cret-s3cret-s3cret")
    agent.sinks["cloud"] = f"type: webhook, url: 'http://127.0.0.1:1/', secret_file: {agent.root}/secret"
    agent.start()
    assert {"libcurl", "libsqlite3"} <= set(libraries(agent.process.pid))
    assert "librdkafka" not in libraries(agent.process.pid)
    agent.stop()
