"""The upload page, its files, and what tells a machine how we are."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, render_template

import imgsvc
from imgsvc.sandbox import Load
from imgsvc.service import Service

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
ROBOTS = "User-agent: *\nDisallow: /api/\nDisallow: /download.php\n"


def routes(service: Service) -> Blueprint:
    """The pages; their failures have the plain shape."""
    settings = service.settings
    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/")
    def index() -> Response:
        page = render_template(
            "index.html",
            public=settings.public,
            version=imgsvc.__version__,
            max_bytes=settings.max_bytes,
            max_width=settings.max_width,
            max_height=settings.max_height,
        )
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    @blueprint.get("/health")
    def health() -> Response:
        load = service.health()
        return jsonify(
            status="degraded" if load.trouble else "ok",
            version=imgsvc.__version__,
            database="ok",
            helpers=load.helpers,
            running=load.running,
            waiting=load.waiting,
            **_notes(load),
            fences={fence.name: fence.up for fence in load.fences},
        )

    @blueprint.get("/ready")
    def ready() -> Response:
        load = service.health()
        free = load.waiting < max(1, settings.queue)
        status = "degraded" if load.out_of_order else "ready" if free else "busy"
        response = jsonify(status=status, **_notes(load))
        response.status_code = 200 if status == "ready" else 503
        return response

    @blueprint.get("/robots.txt")
    def robots() -> Response:
        return Response(ROBOTS, mimetype="text/plain")

    @blueprint.get("/favicon.ico")
    def favicon() -> Response:
        return current_app.send_static_file("icon.svg")

    return blueprint


def _notes(load: Load) -> dict[str, object]:
    return {"notes": load.trouble} if load.trouble else {}
