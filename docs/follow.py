"""Does what a page says, from the folder it is started in: writes files, adds lines of diffs, runs commands.

A block of code whose paragraph above ends with a file's name and a colon, "this is `mine.toml`:", is that file. But in
a block of diff, `--- FILE` names a file, a line that begins with a space is a line of the file, and those that begin
with + are added above or below it. A block of sh is run, and what it prints must hold every line of a block of text
right below it. The first that fails ends all. Other blocks are for reading.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+)`:$")
# A block's variables are known in the next ones, as in one terminal.
SHELL = 'set -aeuo pipefail; . "$1"; eval "$2"; export -p >"$1"'


def write(name, code):
    file = pathlib.Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code)


def apply(diff):
    """Adds the lines of a diff beside the one line of each file that it shows."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, *lines = part.rstrip("\n").split("\n")
        file = pathlib.Path(name)
        content = file.read_text().split("\n")
        shown = [line[1:] for line in lines if line.startswith(" ")]
        if len(shown) != 1 or content.count(shown[0]) != 1:
            sys.exit(f"{name}: a diff must show one line of the file, which stands there once; it shows {shown}")
        at = content.index(shown[0])
        content[at : at + 1] = [line[1:] for line in lines]
        file.write_text("\n".join(content))


def run(script, variables):
    """What the script prints; it is shown, too."""
    print(script, flush=True)
    done = subprocess.run(["bash", "-c", SHELL, "bash", variables, script], stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} of:\n{script}")
    return done.stdout


def follow(page, variables):
    printed = None
    for block in BLOCK.finditer(page):
        above = page[: block.start()].rstrip("\n").rpartition("\n")[2]
        language, code = block["language"], block["code"]
        named = NAMED.search(above)
        if language == "text" and above == "```" and printed is not None:
            for line in code.splitlines():
                if line not in printed:
                    sys.exit(f"not printed: {line}")
        printed = None
        if language == "diff":
            apply(code)
        elif named:
            write(named[1], code)
        elif language == "sh":
            printed = run(code, variables)


with tempfile.NamedTemporaryFile() as variables:
    follow(pathlib.Path(sys.argv[1]).read_text(), variables.name)
