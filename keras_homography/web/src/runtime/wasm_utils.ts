/**
 * Stands in for `@litertjs/wasm-utils` (an alias of the build), which would load the runtime as a
 * script from a URL: here it is part of the bundle, and its WebAssembly comes as bytes, so that the
 * same worker runs from a web server and from a single file.
 */

import makeModule from "@litertjs/core/wasm/litert_wasm_compat_internal.js";

let binary: Uint8Array | null = null;

/** Sets the bytes of the WebAssembly, before `loadLiteRt` is called. */
export function setWasmBinary(bytes: Uint8Array): void {
  binary = bytes;
}

/** What `@litertjs/core` calls with its class, and the path of a script that is not needed. */
export async function createWasmLib<Library>(
  library: new (module: unknown, canvas: null) => Library,
): Promise<Library> {
  const module = await makeModule({
    wasmBinary: binary,
    // LiteRT tells of its start as of errors.
    printErr: (line: string) => {
      if (!/^(INFO|WARNING)/.test(line)) console.error(line);
    },
  });
  binary = null;
  return new library(module, null);
}
