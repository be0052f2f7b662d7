/** Runs the networks with LiteRT.js: WebAssembly, one thread. */

import { CompiledModel, loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

import { constants } from "../core/constants";
import { Point } from "../core/matrix";
import { FeatureNetwork, PatchNetwork } from "../core/networks";
import { withImageSize } from "./model_shape";
import { setWasmBinary } from "./wasm_utils";

const MAX_COMPILED = 6; // sizes of the matcher that stay in memory

export async function startRuntime(wasm: Uint8Array): Promise<void> {
  // LiteRT would ask for a GPU, which nothing here uses.
  Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => null } });
  setWasmBinary(wasm);
  await loadLiteRt("built-in.js");
}

/** Runs a model; its outputs by name. */
async function run(
  model: CompiledModel,
  input: Float32Array,
  shape: number[],
): Promise<Map<string, Float32Array>> {
  const tensor = new Tensor(input, shape);
  const outputs = await model.run([tensor]);
  tensor.delete();
  const details = model.getOutputDetails();
  const results = new Map(
    outputs.map((output, i) => [details[i].name, output.toTypedArray() as Float32Array]),
  );
  outputs.forEach((output) => output.delete());
  return results;
}

export async function openNetwork(file: Uint8Array): Promise<PatchNetwork> {
  const model = await loadAndCompile(file, { accelerator: "wasm" });
  const [, height, width] = model.getInputDetails()[0].shape;
  return async (patchA, patchB) => {
    const pair = new Float32Array(2 * height * width);
    for (let i = 0; i < height * width; i++) {
      pair[2 * i] = patchA.data[i];
      pair[2 * i + 1] = patchB.data[i];
    }
    const h4pt = (await run(model, pair, [1, height, width, 2])).get("h4pt")!;
    return [0, 2, 4, 6].map((i): Point => [h4pt[i], h4pt[i + 1]]);
  };
}

/** Opens the matcher. It is compiled once for each size of an image; the last few stay. */
export function openMatcher(file: Uint8Array): FeatureNetwork {
  const compiled = new Map<string, CompiledModel>();
  const { COARSE_STRIDE, FINE_STRIDE, COARSE_CHANNELS, FINE_CHANNELS } = constants.matcher_grid;
  const strides = new Map([
    [COARSE_CHANNELS, COARSE_STRIDE],
    [FINE_CHANNELS, FINE_STRIDE],
    [1, COARSE_STRIDE],
  ]);
  return async ({ data, width, height }) => {
    const key = `${width}x${height}`;
    const known = compiled.get(key);
    const model =
      known ??
      (await loadAndCompile(withImageSize(file, height, width, strides), { accelerator: "wasm" }));
    compiled.delete(key);
    compiled.set(key, model); // the last used comes last
    for (const oldest of compiled.keys()) {
      if (compiled.size <= MAX_COMPILED) break;
      compiled.get(oldest)!.delete();
      compiled.delete(oldest);
    }
    const outputs = await run(model, Float32Array.from(data), [1, height, width, 1]);
    return {
      rows: height / COARSE_STRIDE,
      columns: width / COARSE_STRIDE,
      coarse: outputs.get("coarse")!,
      fine: outputs.get("fine")!,
      reliability: outputs.get("reliability")!,
    };
  };
}
