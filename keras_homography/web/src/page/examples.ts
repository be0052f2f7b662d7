/** Pairs that are one click away; all of them are rendered, none is a photo of somebody else. */

import { readFile } from "./assets";
import { element } from "./dom";

interface Example {
  readonly name: string;
  readonly title: string;
}

export const EXAMPLES: readonly Example[] = [
  { name: "valley", title: "A valley, morning and evening" },
  { name: "map", title: "A map, from two sides" },
  { name: "covered", title: "Half covered" },
  { name: "upside_down", title: "Upside down" },
  { name: "tiles", title: "Tiles that repeat: refused" },
  { name: "strangers", title: "Two strangers: refused" },
];

/** Reads both images of an example. */
export function readExample(name: string): Promise<Blob[]> {
  return Promise.all(["a", "b"].map((slot) => readFile(`examples/${name}_${slot}.jpg`)));
}

/** Fills the list of examples. */
export function listExamples(onChoose: (name: string) => void): void {
  const buttons = EXAMPLES.map(({ name, title }) => {
    const button = document.createElement("button");
    [button.type, button.textContent] = ["button", title];
    button.dataset.example = name;
    button.addEventListener("click", () => onChoose(name));
    return button;
  });
  element("examples").replaceChildren(...buttons);
}
