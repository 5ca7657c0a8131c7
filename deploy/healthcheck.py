"""Asks the service in this container whether it answers: the image has no curl, and needs none.

Ends with status 0 when `/healthz` says 200, with 1 and one line when not. It asks for life, not for readiness:
a database that is away is no reason to restart.
"""

import http.client
import os
import sys

SECONDS = 3.0


def main() -> int:
    """The exit status."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("HOS_PORT") or 8000), timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except OSError as error:
        sys.stderr.write(f"no answer: {error}\n")
        return 1
    finally:
        connection.close()
    if status != 200:
        sys.stderr.write(f"the answer is {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
