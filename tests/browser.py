"""A real browser: Debian's Chromium, told what to do by its driver (the W3C's WebDriver protocol)."""

import base64
import shutil
import socket
import subprocess
import time
from pathlib import Path

import requests

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
MISSING = "needs Chromium: apt-get install chromium chromium-driver"


class Browser:
    """A page in a window of its own; a context manager, which ends the browser.

    Args:
      width, height: of the page, in CSS pixels.
      dark: whether the user prefers a dark page.
    """

    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._url = f"http://127.0.0.1:{port}"
        self._wait()
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"], "binary": BROWSER}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._post("/session", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/session/{session['sessionId']}"
        self.resize(width, height)
        self.emulate(dark=dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        requests.delete(self._url, timeout=60)
        self._driver.terminate()
        self._driver.wait(60)

    def open(self, path: Path | str) -> None:
        """Loads a file, or what is at a URL."""
        self._post("/url", {"url": path.as_uri() if isinstance(path, Path) else path})

    def run(self, script: str, *arguments):
        """Returns what a script returns in the page."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script: str):
        """Returns what a script hands to its last argument, a function."""
        return self._post("/execute/async", {"script": script, "args": []})

    def errors(self) -> list[str]:
        """Returns what the page complained about."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def resize(self, width: int, height: int) -> None:
        """Gives the page another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", **size)

    def emulate(self, dark: bool = False, media: str = "screen") -> None:
        """Shows the page to a user who prefers dark ones, or as it is printed."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Writes the whole page as PNG."""
        taken = self._command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """Returns the page as it is printed."""
        return base64.b64decode(self._command("Page.printToPDF", printBackground=False)["data"])

    def _command(self, name, **parameters):
        return self._post("/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _post(self, path, content):
        answer = requests.post(self._url + path, json=content, timeout=120).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def _wait(self):
        for _ in range(300):
            try:
                requests.get(f"{self._url}/status", timeout=10)
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("the driver of Chromium doesn't answer")
