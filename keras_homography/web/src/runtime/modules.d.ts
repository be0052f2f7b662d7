declare module "@litertjs/core/wasm/litert_wasm_compat_internal.js" {
  export default function makeModule(options: object): Promise<unknown>;
}
