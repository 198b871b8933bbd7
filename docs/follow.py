"""Does what a page says, from the workspace's root: writes its files, adds the lines of its diffs, runs its commands.

A block of code below a line that is a file's name and a colon is that file. In a block of diff, `--- FILE` names a file,
a line that begins with a space is a line of the file, and those that begin with + are added above or below it. A block
of sh is run; the first command that fails ends the run.
"""

import pathlib
import re
import subprocess
import sys


def blocks(page):
    """(the line above, language, code) of each block."""
    pattern = re.compile(r"^(.*)\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return pattern.findall(page)


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


def follow(page):
    for above, language, code in blocks(page):
        named = re.fullmatch(r"`([\w./-]+)`:", above.strip())
        if named:
            pathlib.Path(named[1]).write_text(code)
        elif language == "diff":
            apply(code)
        elif language == "sh":
            print(code, flush=True)
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True)


follow(pathlib.Path(sys.argv[1]).read_text())
