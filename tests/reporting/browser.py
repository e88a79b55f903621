"""A headless Chromium, and axe-core run in it, without a driver."""

import html
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_COMMON = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")  # fmt: skip
_RUN = """
<script>{axe}</script><script>
window.onerror=function(m){{(window.faults=window.faults||[]).push(String(m));}};
axe.run(document,{{resultTypes:["violations"],preload:false}}).then(function(found){{
var out=document.createElement("pre");out.id="axe-found";
out.textContent=JSON.stringify({{faults:window.faults||[],violations:found.violations.map(function(v){{
var nodes=v.nodes.slice(0,3).map(function(n){{return n.html.slice(0,200);}});
return {{id:v.id,impact:v.impact,nodes:nodes}};}})}});
document.body.appendChild(out);}});
</script>
"""


def chromium() -> str:
    """The browser; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    return found


def axe() -> str:
    """axe-core's text; the test is skipped where there is none."""
    place = os.environ.get("STOCKADE_AXE") or "node_modules/axe-core/axe.min.js"
    if not Path(place).exists():
        pytest.skip("no axe-core: npm install axe-core, or STOCKADE_AXE names axe.min.js")
    return Path(place).read_text(encoding="utf-8")


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Chromium without a screen and without a network."""
    return subprocess.run(
        [chromium(), *_COMMON, *arguments], capture_output=True, text=True, timeout=120, check=True
    )


def looked_over(page: Path, folder: Path, *, dark: bool = False) -> Mapping[str, Any]:
    """What axe-core says of a page, and the faults of its scripts."""
    copy = folder / f"axe_{page.name}"
    text = page.read_text(encoding="utf-8")
    if dark:
        text = text.replace("prefers-color-scheme:dark", "min-width:1px")
    copy.write_text(text.replace("</body>", _RUN.format(axe=axe()) + "</body>"), encoding="utf-8")
    done = run(["--virtual-time-budget=20000", "--dump-dom", copy.as_uri()])
    said = re.search(r'<pre id="axe-found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said is not None, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return {**json.loads(html.unescape(said.group(1))), "console": console}


class Session:
    """A page that is worked by keys, over Chromium's debugging pipe."""

    def __init__(self, page: Path, folder: Path) -> None:
        """Open it."""
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        script = (  # its descriptors 3 and 4 are the pipe, wherever ours were
            'exec 8<&"$0" 9>&"$1"; exec 3<&8 4>&9; shift; exec "$@"'
        )
        self._chromium = subprocess.Popen(
            [
                shutil.which("bash") or "bash", "-c", script, str(theirs_in), str(theirs_out),
                chromium(), *_COMMON, "--remote-debugging-pipe",
                f"--user-data-dir={folder / 'profile'}",
            ],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb")
        self._number, self._session = 0, ""
        target = self._call("Target.createTarget", url=page.as_uri())["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        # What is asked of a page that is on its way is lost with the page before it.
        while self.value("!!document.querySelector('main')&&document.readyState") != "complete":
            time.sleep(0.05)

    def value(self, expression: str) -> Any:  # noqa: ANN401 -- whatever a script gives
        """What a script of the page gives."""
        found = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key and let it go."""
        of = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        down = {**of, "text": "\r"} if key == "Enter" else of
        self._call("Input.dispatchKeyEvent", type="keyDown", **down)
        self._call("Input.dispatchKeyEvent", type="keyUp", **of)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def close(self) -> None:
        """End this browser, and no other."""
        self._chromium.terminate()
        self._chromium.wait(timeout=30)
        self._out.close()
        self._in.close()

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            said = bytearray()
            while (byte := self._in.read(1)) != b"\0":
                if not byte:
                    raise ConnectionError("chromium closed its pipe")
                said += byte
            answer = json.loads(said)
            if answer.get("id") == self._number:
                return answer["result"]
