"""Write the table of presets into the model card, `saved_models/README.md`.

python tests/studies/model_card.py
"""

import pathlib
import re

from keras_homography.saving import preset_table

CARD = pathlib.Path(__file__).parents[2] / "saved_models" / "README.md"


def main():
    begin = "<!-- presets -->\n"
    text = CARD.read_text(encoding="utf-8")
    pattern = re.compile(f"(?<={begin}).*?(?=<!-- /presets -->)", re.DOTALL)
    CARD.write_text(pattern.sub(lambda _: f"{preset_table.model_card()}\n", text), "utf-8")


if __name__ == "__main__":
    main()
