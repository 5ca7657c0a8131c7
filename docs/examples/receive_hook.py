"""Receives the webhooks of hos-receiver: checks each signature, and does the work of each message once.

    HOOK_SECRET=whsec_... python3 receive_hook.py 8080

Python 3.11 and nothing else. Prints a line of JSON for each new message. Put TLS in front of it.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["HOOK_SECRET"]
LARGEST = 1024 * 1024
"""Bytes of a body."""

seen: set[str] = set()
"""For the example in memory. Yours belongs into the database, into the transaction of the work itself."""
one_at_a_time = threading.Lock()


def verify(secret: str, headers, body: bytes) -> None:
    """Raises ValueError for a message that hos-receiver did not sign with this secret within the last 5 minutes."""
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        raise ValueError("the message is too old, or a clock is wrong")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    # While a secret is rotated there are two signatures, separated by a space.
    signatures = headers["webhook-signature"].split(" ")
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures):
        raise ValueError("the signature is wrong")


def work(message: dict) -> None:
    """Yours. What takes longer than a moment belongs into a queue: hos-receiver waits 15 seconds for the answer."""
    print(json.dumps(message), flush=True)


class Receiver(BaseHTTPRequestHandler):
    timeout = 10
    """Seconds; a sender that stops in the middle must not hold a thread for ever."""

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.answer(413)
            return
        body = self.rfile.read(int(length))  # as it came: JSON that was read and written again has another signature
        try:
            verify(SECRET, self.headers, body)
        except (ValueError, TypeError, AttributeError):  # the last two: a header is missing
            self.answer(401)
            return
        with one_at_a_time:
            if self.headers["webhook-id"] not in seen:
                work(json.loads(body))
                seen.add(self.headers["webhook-id"])  # after the work: what fails is sent again
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()
