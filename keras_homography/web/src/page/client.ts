/** Calls of the worker. */

import { Calls, Kind, Reply } from "../protocol";
import { readCompressed, readFile, startWorker } from "./assets";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Client {
  private readonly waiting = new Map<number, Waiting>();
  private next = 1;

  private constructor(
    private readonly worker: Worker,
    onProgress: (name: string) => void,
  ) {
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if ("progress" in data) return onProgress(data.progress);
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.result);
    };
    worker.onerror = (event) => {
      const error = new Error(event.message || "the worker could not be started");
      this.waiting.forEach((waiting) => waiting.reject(error));
      this.waiting.clear();
    };
  }

  /** Loads the runtime and the network; the matcher comes after them, while the page is used. */
  static async start(onProgress: (name: string) => void): Promise<Client> {
    const client = new Client(startWorker(), onProgress);
    const [wasm, network, constants] = await Promise.all([
      readCompressed("litert.wasm.gz"),
      readCompressed("homography.tflite.gz"),
      readFile("constants.json").then((file) => file.text()),
    ]);
    const transfer = [wasm.buffer, network.buffer] as Transferable[];
    await client.call("start", { wasm, network, constants: JSON.parse(constants) }, transfer);
    return client;
  }

  /** Loads the matcher, which every verdict needs. */
  async loadMatcher(): Promise<void> {
    const file = await readCompressed("matcher.tflite.gz");
    await this.call("matcher", { file }, [file.buffer as ArrayBuffer]);
  }

  call<K extends Kind>(
    kind: K,
    argument: Calls[K]["argument"],
    transfer: Transferable[] = [],
  ): Promise<Calls[K]["result"]> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.worker.postMessage({ id, kind, argument }, transfer);
    });
  }
}
