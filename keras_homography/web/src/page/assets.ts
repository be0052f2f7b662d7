/**
 * Files of the page: beside it on a server, or inside of it in the single file. Their names end in
 * `.gz` where they are compressed; they are unpacked here.
 */

/** A file inside of the page, as base64 in an element of its name; null if it is not there. */
function embedded(name: string): Blob | null {
  const holder = document.querySelector(`script[data-file="${name}"]`);
  if (!holder?.textContent) return null;
  const text = atob(holder.textContent.trim());
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: (holder as HTMLElement).dataset.type });
}

async function fetched(name: string): Promise<Blob> {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} cannot be loaded (${response.status}).`);
  return response.blob();
}

/** Reads a file of the page. */
export async function readFile(name: string): Promise<Blob> {
  return embedded(name) ?? fetched(name);
}

/** Reads a file that is compressed. */
export async function readCompressed(name: string): Promise<Uint8Array> {
  const file = await readFile(name);
  const unpacked = file.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/** Starts the worker. A file from disk may start none but one that it holds itself. */
export function startWorker(): Worker {
  const source = embedded("worker.js");
  return new Worker(source ? URL.createObjectURL(source) : "worker.js");
}
