"""A small DNS server of the tests' own: UDP on localhost (RFC 1035, sections 3 and 4)."""
import ipaddress
import socket
import struct
import threading

PTR, A, AAAA = 12, 1, 28
NXDOMAIN, SERVFAIL = 3, 2


def coded(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.strip(".").split(".")) + b"\0"


class DnsServer:
    """names: {name in lower case: {type: [values]}}; what is not there does not exist. fail: names that get SERVFAIL; silent: no answers."""

    def __init__(self):
        self.names, self.fail, self.silent = {}, set(), threading.Event()
        self.asked = []
        self.held = []  # questions that came while it was silent
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def crawler(self, address, *names, back=None):
        """The address has these names, each of which leads to `back` (by default to the address)."""
        ip = ipaddress.ip_address(address)
        self.names[ip.reverse_pointer] = {PTR: list(names)}
        for n in names:
            target = ipaddress.ip_address(back or address)
            self.names.setdefault(n.lower(), {})[A if target.version == 4 else AAAA] = [str(target)]

    def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if self.silent.is_set():
                self.held.append((question, peer))
                continue
            try:
                self.answer(question, peer)
            except OSError:  # closed meanwhile: the test has seen what it wanted
                return

    def speak(self):
        """Answer again, and what was asked meanwhile first."""
        self.silent.clear()
        while self.held:
            self.answer(*self.held.pop(0))

    def answer(self, q, peer):
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1 : at + 1 + q[at]].decode())
            at += 1 + q[at]
        kind, = struct.unpack_from(">H", q, at + 1)
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        known = self.names.get(name)
        code = SERVFAIL if name in self.fail else 0 if known is not None else NXDOMAIN
        answers = b""
        values = known.get(kind, []) if known and code == 0 else []
        for v in values:
            data = coded(v) if kind == PTR else ipaddress.ip_address(v).packed
            answers += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
        head = q[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(values), 0, 0)
        self.socket.sendto(head + q[12 : at + 5] + answers, peer)

    def close(self):
        self.socket.close()
