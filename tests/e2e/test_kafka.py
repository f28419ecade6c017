"""Kafka: what a config lacks is said. Delivery is tested against librdkafka's cluster, tests/unit/test_kafka.c."""


def test_what_a_config_lacks_is_said(agent):
    agent.config.write_text(
        "inputs: [{files: [/tmp/x.log]}]\nsinks:\n"
        "  a: {type: kafka}\n"
        "  b: {type: kafka, brokers: ['kafka://x:1'], username: u}\n"
        "  c: {type: kafka, brokers: x, security: sasl_ssl}\n"
        "  d: {type: kafka, brokers: x, options: {lingr.ms: 1, acks: 0, sasl.password: abc}}\n")
    check = agent.run("check")
    assert check.returncode == 78
    lines = {n: [line for line in check.stderr.split("\n") if f"sekisho.yaml:{n}:" in line] for n in (3, 4, 5, 6)}
    assert "needs `brokers:`" in lines[3][0]
    assert any("is not HOST:PORT" in line for line in lines[4]) and any("security: sasl_ssl" in line for line in lines[4])
    assert "needs `username:`" in lines[5][0]
    assert len(lines[6]) == 3 and any("lingr.ms" in line for line in lines[6])


def test_a_cluster_that_does_not_answer_is_said(agent):
    sink = "{type: kafka, brokers: '127.0.0.1:1', security: plaintext, options: {socket.timeout.ms: 2000, request.timeout.ms: 1500}}"
    agent.config.write_text(f"inputs: [{{files: [/tmp/x.log]}}]\nsinks:\n  far: {sink}\n")
    check = agent.run("check", "--online")
    assert check.returncode == 69 and "FAIL: no answer of a broker" in check.stdout, check
