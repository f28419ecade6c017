"""Google, as far as Sekisho's sinks see it: tokens whose proofs are checked, Pub/Sub publish, BigQuery insertAll, and the
instance metadata of AWS. Refuses what the real ones refuse; goes wrong on demand."""
import base64
import gzip
import hashlib
import hmac
import json
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AWS_ID, AWS_SECRET, AWS_TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "TOKEN+/="
GRANT = "https://www.googleapis.com/auth/cloud-platform"


class Google:
    def __init__(self, folder, columns):
        self.folder = folder
        self.columns = columns  # table -> names of its columns
        self.messages = {}  # topic -> list of rows
        self.tables = {}  # table -> list of (insertId, row)
        self.tokens = {}  # token -> what it was given for
        self.token_requests = 0
        self.requests = []
        self.faults = []  # (word in the path, what), each used once
        self.always = {}  # word in the path -> what
        self.need_token = False
        self.poison = None  # rows with these bytes are bad
        self.unknown_fields = []
        self.lock = threading.Lock()
        self.key = folder / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self.key)], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", str(self.key), "-pubout", "-out", str(folder / "pub.pem")], check=True, capture_output=True)
        self.server = None
        self.port = 0

    def start(self):
        google = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                google.handle(self)

            do_POST = do_PUT = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # ---- replies ----

    def reply(self, h, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        h.send_response(status)
        for name, value in headers:
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    def error(self, h, code, status, message="no", headers=()):
        self.reply(h, code, {"error": {"code": code, "message": message, "status": status}}, headers)

    def fault(self, path):
        with self.lock:
            for i, (word, what) in enumerate(self.faults):
                if word in path:
                    return self.faults.pop(i)[1]
        for word, what in self.always.items():
            if word in path:
                return what
        return None

    def handle(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        path = urllib.parse.urlsplit(h.path).path
        with self.lock:
            self.requests.append((h.command, h.path))
        what = self.fault(path)
        if what == "drop":
            h.close_connection = True
            return
        if isinstance(what, tuple):
            self.error(h, *what)
            return
        if what == "garbage":
            self.reply(h, 502, b"<html>Bad gateway</html>")
            return
        try:
            if h.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = self.route(h, path, body)
        except Refused as e:
            self.error(h, e.code, e.status, str(e))
            return
        if what == "lost":  # it took effect, and nobody hears of it
            h.close_connection = True
            return
        self.reply(h, 200, answer, [("Metadata-Flavor", "Google")] if path.startswith("/computeMetadata") else ())

    def route(self, h, path, body):
        if path == "/token":
            return self.token_by_key(body)
        if path == "/sts":
            return self.token_by_aws(body)
        if path.endswith(":generateAccessToken"):
            return self.impersonate(h, body)
        if path.startswith("/latest/"):
            return self.imds(h, path)
        if path.startswith("/computeMetadata/"):
            return self.grant("metadata")
        self.check_token(h)
        if path.endswith(":publish"):
            return self.publish(path, body)
        if path.endswith("/insertAll"):
            return self.insert(path, body)
        raise Refused(404, "NOT_FOUND", path)

    # ---- tokens ----

    def grant(self, what):
        with self.lock:
            self.token_requests += 1
            token = f"token-{what}-{self.token_requests}"
            self.tokens[token] = what
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def check_token(self, h):
        if not self.need_token:
            return
        scheme, _, token = (h.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "UNAUTHENTICATED", "the token is not one of ours")

    def token_by_key(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer", form
        head, claims, signature = form["assertion"].split(".")
        assert "=" not in form["assertion"]
        (self.folder / "sig").write_bytes(unpad(signature))
        (self.folder / "signed").write_text(f"{head}.{claims}")
        checked = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", str(self.folder / "pub.pem"), "-signature", str(self.folder / "sig"), str(self.folder / "signed")],
            capture_output=True,
        )
        if checked.returncode != 0:
            raise Refused(400, "invalid_grant", "Invalid JWT signature")
        head, claims = json.loads(unpad(head)), json.loads(unpad(claims))
        now = time.time()
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}, head
        assert claims["iss"] == "agent@p.iam.gserviceaccount.com" and claims["aud"] == self.url + "/token", claims
        assert claims["scope"] == GRANT and abs(claims["iat"] - now) < 60 and claims["exp"] == claims["iat"] + 3600, claims
        return self.grant("key")

    def imds(self, h, path):
        if path == "/latest/api/token":
            assert h.command == "PUT" and 0 < int(h.headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            return b"imds-secret"
        if h.headers.get("X-aws-ec2-metadata-token") != "imds-secret":
            raise Refused(401, "UNAUTHENTICATED", "no token")
        if path.endswith("/availability-zone"):
            return b"ap-northeast-1a"
        if path.endswith("/security-credentials"):
            return b"web-role"
        if path.endswith("/web-role"):
            return {"Code": "Success", "AccessKeyId": AWS_ID, "SecretAccessKey": AWS_SECRET, "Token": AWS_TOKEN, "Expiration": "2099-01-01T00:00:00Z"}
        raise Refused(404, "NOT_FOUND", path)

    def token_by_aws(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange", form
        assert form["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request", form
        proof = json.loads(urllib.parse.unquote(form["subject_token"]))
        headers = {x["key"].lower(): x["value"] for x in proof["headers"]}
        url = urllib.parse.urlsplit(proof["url"])
        assert proof["method"] == "POST" and url.netloc == headers["host"] == "sts.ap-northeast-1.amazonaws.com", proof
        assert headers["x-goog-cloud-target-resource"] == form["audience"], headers
        if sigv4(headers, url, AWS_SECRET) != headers["authorization"]:
            raise Refused(400, "invalid_grant", "the signature does not match")
        return {**self.grant("sts"), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}

    def impersonate(self, h, body):
        token = h.headers["Authorization"].split()[1]
        assert self.tokens.get(token) == "sts" and json.loads(body)["scope"] == [GRANT]
        return {"accessToken": self.grant("impersonated")["access_token"], "expireTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}

    # ---- data ----

    def check_row(self, table, row):
        extra = set(row) - set(self.columns[table])
        if extra:
            with self.lock:
                self.unknown_fields.append(extra)

    def publish(self, path, body):
        topic = path.split("/topics/")[1].split(":")[0]
        request = json.loads(body)
        if not 0 < len(request["messages"]) <= 1000:
            raise Refused(400, "INVALID_ARGUMENT", "The value for message_count is invalid")
        if len(body) > 10 * 1024 * 1024:
            raise Refused(400, "INVALID_ARGUMENT", "The value for request_size is too large")
        rows = [json.loads(base64.b64decode(m["data"], validate=True)) for m in request["messages"]]
        if self.poison and any(self.poison in json.dumps(r) for r in rows):
            raise Refused(400, "INVALID_ARGUMENT", "a message is malformed")
        for r in rows:
            self.check_row(topic.split("-", 1)[1], r)
        with self.lock:
            self.messages.setdefault(topic, []).extend(rows)
        return {"messageIds": [str(i) for i in range(len(rows))]}

    def insert(self, path, body):
        table = path.split("/tables/")[1].split("/")[0]
        request = json.loads(body)
        assert request["skipInvalidRows"] is True and 0 < len(request["rows"]) <= 50000
        errors = []
        for i, r in enumerate(request["rows"]):
            row = r["json"]
            assert len(r["insertId"]) <= 128
            for name in ("attributes", "detections"):
                assert name not in row or isinstance(json.loads(row[name]), (dict, list)), row[name]
            if self.poison and self.poison in json.dumps(row):
                errors.append({"index": i, "errors": [{"reason": "invalid", "location": "body", "message": "not this one"}]})
                continue
            self.check_row(table.removesuffix("_raw"), row)
            with self.lock:
                self.tables.setdefault(table, []).append((r["insertId"], row))
        return {"kind": "bigquery#tableDataInsertAllResponse", **({"insertErrors": errors} if errors else {})}

    def rows(self, topic):
        with self.lock:
            return list(self.messages.get(topic, []))


class Refused(Exception):
    def __init__(self, code, status, text):
        super().__init__(text)
        self.code, self.status = code, status


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sigv4(headers, url, secret):
    """The Authorization header that AWS would expect (General Reference, Signature Version 4)."""
    names = sorted(k for k in headers if k != "authorization")
    canonical = "\n".join(
        ["POST", url.path or "/", url.query, *(f"{n}:{headers[n]}" for n in names), "", ";".join(names), hashlib.sha256(b"").hexdigest()]
    )
    day = headers["x-amz-date"][:8]
    region = url.netloc.split(".")[1]
    scope = f"{day}/{region}/sts/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, "sts", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"AWS4-HMAC-SHA256 Credential={AWS_ID}/{scope}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"
