"""A back end in Python 3.8 or later: issues a token, sends a message, and takes webhooks.

    ROOST_KEY=rk_... python3 scripts/examples/backend.py

The server calls an address of this machine only with `--hook-allow 127.0.0.1`.
"""
import base64, hashlib, hmac, json, os, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API = os.environ.get("ROOST_API", "http://127.0.0.1:8200")
PORT = int(os.environ.get("HOOK_PORT", "9000"))
BODY_BYTES_MAX = 4 * 2**20
TOLERANCE_SECONDS = 300

def call(method, request, headers={}):
    headers = {"authorization": f"Bearer {os.environ['ROOST_KEY']}", "content-type": "application/json", **headers}
    asked = urllib.request.Request(f"{API}/roost.v1.{method}", json.dumps(request).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method}: {error.read().decode()}") from None

def is_signed(key, headers, body):
    """Verifies a signature of Standard Webhooks. While a secret is changed, there are two."""
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id')}.{timestamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    found = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(each.encode(), wanted.encode()) for each in found)

class Hook(BaseHTTPRequestHandler):
    key = b""

    def do_POST(self):
        length = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(length) if 0 <= length <= BODY_BYTES_MAX else b""
        is_true = is_signed(Hook.key, self.headers, body)
        # The same event may come again: what it leads to has to be done once for its id.
        for event in json.loads(body)["events"] if is_true else []:
            print(event["type"], event["data"]["messageId"], event["data"]["body"], flush=True)
        self.send_response(204 if is_true else 401)
        self.end_headers()

# It listens from here on; what comes before serve_forever waits.
server = ThreadingHTTPServer(("127.0.0.1", PORT), Hook)
hook = {"name": "python", "url": f"http://127.0.0.1:{PORT}/", "events": ["message.stored"], "rotateSecret": True}
secret = call("Admin/SetWebhook", hook)["secret"]
Hook.key = base64.b64decode(secret.replace("whsec_", ""))
print("token", call("Accounts/IssueToken", {"account": "alice"})["token"], flush=True)
# An order's number, for example: if the answer is lost, the request is repeated with it.
parcel = {"idempotency-key": f"parcel-{time.time_ns()}"}
message = {"to": "alice", "body": "Your parcel is on its way."}
print("sent", call("Messages/Send", message, parcel)["messageId"], flush=True)
server.serve_forever()
