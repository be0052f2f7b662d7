/**
 * Builds the page's scripts into `built/`: `npm run build`.
 *
 * Tests build into another folder, `node build.mjs FOLDER DRIVER`, and a script for Node beside it.
 */

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

import { build } from "esbuild";

const RUNTIME = "node_modules/@litertjs/core/wasm/litert_wasm_compat_internal.wasm";

/** The runtime's script defines a global: make it a module. */
const asModule = {
  name: "as-module",
  setup(bundler) {
    bundler.onLoad({ filter: /litert_wasm_compat_internal\.js$/ }, ({ path }) => ({
      contents: `${readFileSync(path, "utf8")}\nexport default ModuleFactory;`,
    }));
  },
};

const options = {
  bundle: true,
  // The runtime comes with the bundle, not from a URL.
  alias: { "@litertjs/wasm-utils": "./src/runtime/wasm_utils.ts" },
  charset: "utf8",
  legalComments: "eof",
  logLevel: "warning",
  minify: true,
  plugins: [asModule],
  target: ["chrome110", "firefox115", "safari16.4"],
};

const [folder = "built", driver] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
await build({
  ...options,
  entryPoints: { page: "src/page/main.ts", worker: "src/worker.ts", style: "src/page/style.css" },
  external: ["fs", "path", "url", "node:*", "crypto"],
  format: "iife",
  outdir: folder,
});
copyFileSync("src/page/index.html", `${folder}/index.html`);
if (driver) {
  await build({
    ...options,
    entryPoints: [driver],
    format: "cjs",
    minify: false,
    outfile: `${folder}/driver.cjs`,
    platform: "node",
    target: "node18",
  });
} else {
  // Releases of zlib compress differently: written only if it holds another runtime.
  const wasm = readFileSync(RUNTIME), packed = `${folder}/litert.wasm.gz`;
  if (!existsSync(packed) || !gunzipSync(readFileSync(packed)).equals(wasm)) {
    writeFileSync(packed, gzipSync(wasm, { level: 9 }));
  }
}
