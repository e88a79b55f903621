"""A headless Chromium, and axe-core run in it, without a driver."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_RUN = """
<script>{axe}</script><script>
window.onerror=function(m){{(window.faults=window.faults||[]).push(String(m));}};
axe.run(document,{{resultTypes:["violations"]}}).then(function(found){{
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
    common = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
              "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")  # fmt: skip
    return subprocess.run(
        [chromium(), *common, *arguments], capture_output=True, text=True, timeout=120, check=True
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
