"""What ``python -m lab`` shows while it works: one line per step with its elapsed time.

On a terminal the steps that are still running are shown on a live line; in a log file a step that takes long is named
again every half minute, so that a reader of a CI log sees that something still happens.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator

LIVE_INTERVAL = 0.2
HEARTBEAT_INTERVAL = 30.0


def duration_text(seconds: float) -> str:
    """``4.2`` -> ``4.2 s``, ``83.0`` -> ``1 min 23 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


class Screen:
    """Prints steps as they end; safe to use from several threads at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._lock = threading.RLock()
        self._running: dict[str, float] = {}
        self._live_line_shown = False

    def line(self, text: str = "") -> None:
        with self._lock:
            self._clear_live_line()
            print(text, file=self._stream, flush=True)

    def heading(self, text: str) -> None:
        self.line(text)

    @contextlib.contextmanager
    def step(self, name: str) -> Generator[None]:
        """Time what happens inside and print one line when it has ended, well or not."""
        start = time.monotonic()
        with self._lock:
            self._running[name] = start
        stop = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(name, start, stop), daemon=True)
        ticker.start()
        mark = "failed"
        try:
            yield
            mark = "ok"
        except KeyboardInterrupt:
            mark = "interrupted"
            raise
        finally:
            stop.set()
            with self._lock:
                self._running.pop(name, None)
            self.line(f"  {name:<58} {mark:>6} {duration_text(time.monotonic() - start):>12}")

    def _tick(self, name: str, start: float, stop: threading.Event) -> None:
        while not stop.wait(LIVE_INTERVAL if self._live else HEARTBEAT_INTERVAL):
            if self._live:
                self._draw_live_line()
            else:
                self.line(f"  {name} ... {duration_text(time.monotonic() - start)}")

    def _draw_live_line(self) -> None:
        with self._lock:
            now = time.monotonic()
            running = ", ".join(f"{name} {now - start:.0f} s" for name, start in self._running.items())
            if running:
                self._stream.write(f"\r\033[K  … {running}"[:160])
                self._stream.flush()
                self._live_line_shown = True

    def _clear_live_line(self) -> None:
        if self._live_line_shown:
            self._stream.write("\r\033[K")
            self._live_line_shown = False
