"""gunicorn's gthread worker with a lobby, where those wait who are slow to ask or to hang up: they take no thread."""

from __future__ import annotations

import contextlib
import errno
import json
import selectors
import socket
import sys
import time
from functools import partial
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

from imgsvc import connection
from imgsvc.connection import LINGERS
from imgsvc.pace import SPEED, WINDOW
from imgsvc.settings import load

SWITCH = 0.0005
TICK = 0.5
PAUSE = 0.05
AT_ONCE = 256
HURRY = 2.0
"""Seconds that are left to a client when the server stops."""
LONGEST_HEAD = 64 * 1024
PIECE = 256 * 1024
KEPT = 0.05
"""Seconds that a thread reads the rest of a body that nobody wanted before the lobby does."""
ERRANDS = (b"GET ", b"HEAD ", b"OPTIONS ")
"""How requests begin that have no body."""
CROWDED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
GUARDS = (
    "Cache-Control: no-store, private",
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy: same-origin",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
)
_STATUS = (
    (errors.LimitRequestLine, 414, "URI Too Long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (errors.ExpectationFailed, 417, "Expectation Failed"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented"),
    (errors.ParseException, 400, "Bad Request"),
)


class Guest(TConn):  # type: ignore[misc]  # gunicorn is untyped
    """A connection that knows the lobby it hangs up in."""

    def __init__(self, lobby: Worker, peer: socket.socket, client: Any, server: Any) -> None:
        super().__init__(lobby.cfg, peer, client, server)
        self.lobby = lobby
        self.head = bytearray()
        self.since = self.due = time.monotonic()
        self.taken = 0

    def wait(self, seconds: float) -> None:
        """Be due in so many seconds."""
        self.since, self.taken = time.monotonic(), self.sent()
        self.due = self.since + seconds

    def sent(self) -> int:
        """How many bytes the client has taken so far."""
        told = connection.traffic(self.sock)
        return told[0] if told else 0

    def close(self, graceful: bool = False) -> None:
        """Close; the client still gets what is on its way to it, and a graceful end also what it has yet to look at."""
        if not connection.hopeless(self.sock) and (graceful or connection.unsent(self.sock)):
            self.lobby.linger(self, self.lobby.patience / (1 if graceful else 2))
        else:
            super().close()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Gives a connection to a thread once the head of its request is there, and takes it back after the answer.

    gunicorn lets the thread wait for the head, and its main thread, up to two seconds, for each client to hang up.
    """

    def __init__(self, *options: Any, **named: Any) -> None:
        super().__init__(*options, **named)
        self.wsgi: Any = None
        self.asking: set[Guest] = set()
        self.leaving: set[Guest] = set()
        self.scratch = bytearray(PIECE)
        self.swept = 0.0
        self.patience = load().patience

    def init_process(self) -> None:
        """Set the worker to work."""
        # With hundreds of threads at work, the one that accepts connections waits for each of them in turn.
        sys.setswitchinterval(SWITCH)
        # Of its own, so that uploads do not keep others waiting, nor slow downloads the uploads.
        self.errands = self.get_thread_pool()
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the app, which is told with each request that its clients may linger."""
        super().load_wsgi()
        app: Any = self.wsgi
        self.wsgi = lambda environ, start: app(environ | {LINGERS: True}, start)

    def accept(self, listener: socket.socket) -> None:
        """Let clients in, and wait for their requests.

        Many at a time: in a crowd there is much else to do before the next turn, and whoever comes last waits for all.
        """
        for _ in range(AT_ONCE):
            if not self._welcome(listener):
                return

    def _welcome(self, listener: socket.socket) -> bool:
        """Let one client in; False where there is none."""
        if self.nr_conns >= self.worker_connections:
            return False
        try:
            peer, client = listener.accept()
        except ConnectionAbortedError:
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in CROWDED:
                raise
            # The client stays in the system's queue until somebody has left.
            time.sleep(PAUSE)
            return False
        self.nr_conns += 1
        self.enqueue_req(Guest(self, peer, client, listener.getsockname()))
        return True

    def enqueue_req(self, conn: Guest) -> None:
        """Give the connection to a thread if the head of its request is there, otherwise wait for it here."""
        if self.cfg.is_ssl or self.cfg.http2_cleartext != "off":
            # What comes first is not a head there.
            super().enqueue_req(conn)
            return
        conn.head = bytearray(conn.parser.unreader.take_buffered() if conn.parser else b"")
        if b"\r\n\r\n" in conn.head:
            self._admit(conn)
            return
        conn.sock.setblocking(False)
        conn.wait(self.patience)
        self.asking.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear, conn))

    def _hear(self, conn: Guest, _socket: object) -> None:
        try:
            said = conn.sock.recv(LONGEST_HEAD)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        # The last bytes known may begin the end that the new ones complete.
        known = max(0, len(conn.head) - 3)
        conn.head += said
        if not said:
            self._dismiss(conn)
        elif conn.head.find(b"\r\n\r\n", known) >= 0:
            self._forget(conn, self.asking)
            self._admit(conn)
        elif len(conn.head) > LONGEST_HEAD:
            self._dismiss(conn, 431, "Request Header Fields Too Large")

    def _admit(self, conn: Guest) -> None:
        conn.init()
        conn.parser.unreader.unread(bytes(conn.head))
        lane = self.errands if conn.head.startswith(ERRANDS) else self.tpool
        conn.head = bytearray()
        conn.data_ready = True
        done = lane.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def _dismiss(self, conn: Guest, *refusal: Any) -> None:
        self._forget(conn, self.asking)
        self.nr_conns -= 1
        if refusal:
            _answer(conn.sock, *refusal)
        conn.close(graceful=bool(refusal))

    def _forget(self, conn: Guest, among: set[Guest]) -> None:
        among.discard(conn)
        self.poller.unregister(conn.sock)

    def linger(self, conn: Guest, seconds: float) -> None:
        """Say that nothing more will come, and read what the client still sends until it hangs up as well.

        A connection closed with unread bytes is reset, and the client may never see its answer (RFC 9112, 9.6).
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except OSError:
            TConn.close(conn)
            return
        conn.wait(seconds)
        self.leaving.add(conn)
        self.nr_conns += 1

    def _drain(self, conn: Guest, _socket: object) -> None:
        try:
            heard = conn.sock.recv_into(self.scratch, PIECE, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        except OSError:
            heard = 0
        if not heard:
            self._leave(conn)

    def _leave(self, conn: Guest) -> None:
        self._forget(conn, self.leaving)
        self.nr_conns -= 1
        TConn.close(conn)

    def murder_pending(self) -> None:
        """Close the connections whose time is over; called at least every second."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.swept + TICK:
            return
        self.swept = now
        for conn in [one for one in self.asking if self._overdue(one, now)]:
            self._dismiss(conn, *((408, "Request Timeout") if conn.head else ()))
        for conn in [one for one in self.leaving if self._overdue(one, now)]:
            if connection.unsent(conn.sock) and self._steady(conn, now):
                conn.wait(WINDOW)
            else:
                connection.abandon(conn.sock)
                self._leave(conn)

    def _overdue(self, conn: Guest, now: float) -> bool:
        return now >= (conn.due if self.alive else min(conn.due, conn.since + HURRY))

    def _steady(self, conn: Guest, now: float) -> bool:
        return self.alive and conn.sent() - conn.taken >= SPEED * (now - conn.since)

    def _keepalive_after(self, conn: Guest, keepalive: bool) -> bool:
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + KEPT))

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, exc: Exception) -> None:
        """Refuse what is no HTTP, in the words of no one who sent it."""
        known = next(((status, reason) for kind, status, reason in _STATUS if isinstance(exc, kind)), None)
        if known is None:
            self.log.error("Error handling request", exc_info=exc)
        _answer(client, *(known or (500, "Internal Server Error")))


def _answer(peer: socket.socket, status: int, reason: str) -> None:
    """Send a refusal, as far as the connection takes it at once."""
    body = json.dumps({"error": f"{reason}."}) + "\n"
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *GUARDS,
    )
    with contextlib.suppress(OSError):
        peer.send("\r\n".join((*head, "", body)).encode("ascii"), socket.MSG_DONTWAIT)
