"""What an agent costs its host: no library that its configuration does not need, and no long first start."""
import os
import pathlib
import shutil
import subprocess

from conftest import ROOT, SEKISHO

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


def list_pack(program, cache):
    cache.mkdir()
    env = {**os.environ, "CACHE_DIRECTORY": str(cache)}
    r = subprocess.run([program, "rules", "list", "--rules", ROOT / "rules"], env=env, capture_output=True, text=True, check=True)
    return r.stdout


def test_what_the_pack_is_found_by_comes_with_the_program(tmp_path):
    assert list_pack(SEKISHO, tmp_path / "cache")
    assert not (tmp_path / "cache" / "windows").exists()  # there was no news to keep


def test_an_installed_program_finds_it_beside_its_folder_and_does_without_when_it_is_damaged(tmp_path):
    program, shipped = tmp_path / "bin" / "sekisho", tmp_path / "share" / "sekisho" / "windows"
    program.parent.mkdir()
    shipped.parent.mkdir(parents=True)
    shutil.copy2(SEKISHO, program)
    shutil.copy2(pathlib.Path(SEKISHO).parent / "windows", shipped)
    listed = list_pack(program, tmp_path / "first")
    assert not (tmp_path / "first" / "windows").exists()
    data = bytearray(shipped.read_bytes())
    data[len(data) // 2] ^= 1
    shipped.write_bytes(data)
    assert list_pack(program, tmp_path / "second") == listed
    assert (tmp_path / "second" / "windows").exists()  # found out anew, and kept
