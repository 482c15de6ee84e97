"""The JavaScript of the report page: inlined, and the only code that its content security policy lets run."""

import base64
import hashlib
import re
from pathlib import Path

from markupsafe import Markup

from glmtracks.plots import CAPTIONS
from glmtracks.report.browser import to_script

SCRIPTS = ("core", "tables", "ranges", "scores", "lookup", "logo", "browser", "explore")  # in the order they need
IGV = Path(__file__).resolve().parents[3] / "resources" / "igv" / "igv.min.js"
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'self' data:; base-uri 'none'; form-action 'none'"
)


def page_scripts(data: dict) -> dict:
    """What the template puts into the page.

    data   what `browser_data` gives; without any genome the page does without the browser's code

    Returns a dict: `code`, the scripts in order; `igv`, the browser's code or nothing, which is not run before it is
    asked for; `data` and `strings`, JSON for script elements; `policy`, which allows these scripts and no others.
    """
    code = [(CAPTIONS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    igv = re.sub(r"\n//# sourceMappingURL=.*\s*$", "\n", IGV.read_text(encoding="utf-8")) if data["genomes"] else ""
    hashes = " ".join(_hash(script) for script in (*code, igv))
    return {
        "code": [Markup(script) for script in code],
        "igv": Markup(igv),
        "data": Markup(to_script(data)),
        "strings": Markup((CAPTIONS / "strings.json").read_text(encoding="utf-8")),
        "policy": POLICY.format(scripts=hashes),
    }


def _hash(script: str) -> str:
    """How a content security policy names a script: by the text of its element."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
