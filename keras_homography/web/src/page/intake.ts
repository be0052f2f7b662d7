/** Where images come from: chosen, dropped, pasted. */

import { Slot } from "../protocol";
import { element } from "./dom";

const MAX_MEGAPIXELS = 64;

/** Refuses what is no image, or too large for the memory of a page; a sentence says why. */
export async function checkImage(file: Blob): Promise<void> {
  const name = file instanceof File && file.name ? file.name : "This file";
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    // Browsers read the size from the head of the file, before anything is decoded.
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
    });
  } catch {
    throw new Error(`${name} is not an image that this browser can read.`);
  } finally {
    URL.revokeObjectURL(url);
  }
  const megapixels = (image.naturalWidth * image.naturalHeight) / 1e6;
  if (megapixels > MAX_MEGAPIXELS) {
    throw new Error(
      `${name} has ${Math.round(megapixels)} megapixels; up to ${MAX_MEGAPIXELS} fit here. ` +
        "The Python package takes larger images.",
    );
  }
}

/** Files of a drop or of the clipboard. */
function filesOf(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])];
}

/**
 * Listens to all ways in which images come.
 *
 * @param onFiles Called with one or two files, and the slot of the first; null for whichever is
 *   next.
 */
export function listen(onFiles: (files: File[], slot: Slot | null) => void): void {
  for (const slot of ["a", "b"] as const) {
    const input = element<HTMLInputElement>(`file-${slot}`);
    input.addEventListener("change", () => {
      onFiles([...(input.files ?? [])].slice(0, 2), slot);
      input.value = "";
    });
  }
  let depth = 0; // of nested elements that are entered
  const dragged = (change: number): void => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  document.addEventListener("dragenter", () => dragged(1));
  document.addEventListener("dragleave", () => dragged(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragged(-depth);
    const tile = event.target instanceof Element ? event.target.closest("[data-slot]") : null;
    const slot = tile instanceof HTMLElement ? (tile.dataset.slot as Slot) : null;
    const files = filesOf(event.dataTransfer).slice(0, 2);
    if (files.length) onFiles(files, files.length === 2 ? "a" : slot);
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData).slice(0, 2);
    if (files.length) onFiles(files, files.length === 2 ? "a" : null);
  });
}
