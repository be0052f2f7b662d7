"""Run the Python examples of pages, those of one page in one namespace; run by `helpers.programs`.

helpers.readme_examples PAGE...
"""

import pathlib
import re
import sys


def main(pages):
    for page in pages:
        text = pathlib.Path(page).read_text(encoding="utf-8")
        examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        exec("\n".join(examples), {"__name__": page})
        print("ran", page)


if __name__ == "__main__":
    main(sys.argv[1:])
