"""Make the tables of the READMEs anew for the present weights; say which stand there otherwise.

    python tests/studies/tables.py --path coco_val2017=DIR --path pairs=DIR ... [--only NAME ...]

A table stands between `<!-- table NAME -->` and `<!-- /table -->`. It is made by the commands in
the nearest block of code above it, in which `path/to/X` is replaced by the `--path` of X. A command
runs once, in a folder of its own below `--output_dir`, and again when the package or a shipped
model has changed: so this can be interrupted. Without `--write` nothing is changed and
tables that differ are printed, beside the lines that stand there. Times differ from run to run;
the sentence with date and machine below a table is yours to write.
"""

import argparse
import collections
import difflib
import functools
import hashlib
import pathlib
import re
import shlex
import subprocess
import sys

import table_renderers

ROOT = pathlib.Path(__file__).parents[2]
_TABLE = re.compile(r"<!-- table (\w+) -->\n(.*?)<!-- /table -->", re.DOTALL)
_COMMANDS = re.compile(r"```bash\n(.*?)```", re.DOTALL)
_PATH = re.compile(r"path/to/(\w+)")


def pages():
    """READMEs with tables."""
    found = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]
    found += sorted(ROOT.glob("keras_homography/*/README.md"))
    return [page for page in found if _TABLE.search(page.read_text(encoding="utf-8"))]


def command_above(text, position):
    """The block of code above a position: a list of arguments for each of its commands."""
    block = [match[1] for match in _COMMANDS.finditer(text, 0, position)][-1]
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("python ")]


@functools.cache
def digest_of_the_package():
    """A digest of all that figures depend on: the code and the shipped models."""
    digest = hashlib.sha256()
    models = [*ROOT.glob("saved_models/*.tflite"), *ROOT.glob("saved_models/*.keras")]
    for path in sorted([*models, *ROOT.glob("keras_homography/**/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run(commands, paths, output_dir):
    """Run commands, or find what they left behind: the folder of each."""
    folders = []
    for arguments in commands:
        missing = [x for x in _PATH.findall(" ".join(arguments)) if x not in paths]
        if missing:
            raise LookupError(f"--path {missing[0]}=... is missing")
        filled = [_PATH.sub(lambda match: paths[match[1]], word) for word in arguments]
        name = hashlib.sha256((shlex.join(filled) + digest_of_the_package()).encode()).hexdigest()
        folder = output_dir / name[:12]
        folders.append(folder)
        if (folder / "done").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if re.search(r"keras_homography\.(evaluate|calibrate)", shlex.join(filled)):
            filled.append(f"--output_dir={folder}")
        print("$", shlex.join(filled), flush=True)
        with open(folder / "stdout.txt", "w", encoding="utf-8") as output:
            subprocess.run([sys.executable, *filled[1:]], cwd=ROOT, stdout=output, check=True)
        (folder / "done").touch()
    return folders


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", action="append", default=[], help="X=DIR, for path/to/X")
    parser.add_argument("--only", nargs="*", help="names of tables")
    parser.add_argument("--output_dir", type=pathlib.Path, default="runs/tables")
    parser.add_argument("--write", action="store_true", help="put the tables into the READMEs")
    options = parser.parse_args()
    output_dir = options.output_dir.resolve()
    paths = dict(pair.split("=", 1) for pair in options.path)
    paths = {name: str(pathlib.Path(path).resolve()) for name, path in paths.items()}
    counts = collections.Counter()
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for match in reversed(list(_TABLE.finditer(text))):
            name, standing = match.groups()
            if options.only and name not in options.only:
                continue
            title = f"{page.relative_to(ROOT)}: {name}"
            try:
                folders = run(command_above(text, match.start()), paths, output_dir)
                lines = table_renderers.RENDERERS[name](*folders)
            except (LookupError, ValueError, OSError, subprocess.CalledProcessError) as problem:
                counts["not made"] += 1
                print(f"{title}: not made: {problem!r}")
                continue
            made = "".join(f"{line}\n" for line in lines)
            counts["as it stands" if made == standing else "different"] += 1
            print(f"{title}: {'as it stands' if made == standing else 'differs'}")
            before, after = standing.splitlines(), made.splitlines()
            print("\n".join(difflib.unified_diff(before, after, lineterm="", n=0)))
            text = text[: match.start(2)] + made + text[match.end(2) :]
        if options.write:
            page.write_text(text, encoding="utf-8")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
