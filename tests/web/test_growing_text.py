"""Which part of a growing answer is finished; the script is run by Node.js where there is one."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "parley" / "blocks.js"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js, which Parley itself does not")

FINISHED = {
    "one": "",
    "one\n\n": "",
    "one\n\ntwo": "one\n\n",
    "one\n\ntwo\n\nthree": "one\n\ntwo\n\n",
    "one\n```py\na\n\nb": "one\n",
    "one\n```py\na\n\nb\n```": "one\n",
    "one\n```py\na\n\nb\n```\n": "one\n```py\na\n\nb\n```\n",
    "one\n\n`` `x` ``\n": "one\n\n",
    "````\n```\n\n```\n": "",
    "- a\n\n- b\n\n": "",
    "- a\n\n  more\n\n- b": "",
    "- a\n\nbehi": "",
    "- a\n\nbehind\n": "- a\n\n",
    "1. a\n\n   ```\n   b\n\n   ```\n\n2. c\n": "",
    "one\n\n    code\n\ntwo": "one\n\n    code\n\n",
}


def test_finished_is_what_no_later_word_can_change(tmp_path: Path) -> None:
    copied = tmp_path / "blocks.mjs"
    copied.write_text(SCRIPT.read_text())
    program = tmp_path / "run.mjs"
    program.write_text(
        f"import {{ finished }} from {json.dumps(copied.as_uri())};\n"
        f"const texts = {json.dumps(list(FINISHED))};\n"
        "console.log(JSON.stringify(texts.map((text) => text.slice(0, finished(text).end))));\n"
    )
    assert NODE is not None
    done = subprocess.run([NODE, str(program)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert dict(zip(FINISHED, json.loads(done.stdout), strict=True)) == FINISHED
