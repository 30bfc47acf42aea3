"""The WSGI door: `gunicorn wsgi:app`."""

from imgsvc.app import create_app

app = create_app()
