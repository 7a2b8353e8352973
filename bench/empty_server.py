"""The same web server doing no database work: reads JSON, answers JSON of a charge. The companion of charges."""

from __future__ import annotations

import logging
import sys

import waitress
from flask import Flask, Response, json, request

ANSWER = json.dumps({"id": "0" * 26, "lines": [{"line_id": "0" * 26, "name": "血常规", "amount": "25.00"}] * 8})


def main() -> None:
    """Serve on a free port; the address is the first line of output."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app = Flask("empty")

    @app.post("/api/v1/charges")
    def charges() -> Response:
        json.loads(request.get_data())
        return Response(ANSWER, 201, content_type="application/json")

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=16, asyncore_use_poll=True)
    sys.stdout.write(f"http://127.0.0.1:{server.effective_port}\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    main()
