/** The worker: decodes images and estimates homographies, so that the page stays alive. */

import { constants, setConstants } from "./core/constants";
import { estimate } from "./core/estimator";
import { Gray, makeGray, writeLuma } from "./core/gray";
import { PreparedImage } from "./core/image_pyramid";
import { FeatureNetwork, PatchNetwork } from "./core/networks";
import { Answer, Calls, CANCELLED, Decoded, Kind, Reply, Request, Slot } from "./protocol";
import { openMatcher, openNetwork, startRuntime } from "./runtime/litert";
import { warpToPng } from "./warped_picture";

const STRIP = 512; // rows that are converted at once
const scope = self as unknown as DedicatedWorkerGlobalScope;

interface Loaded {
  readonly prepared: PreparedImage;
  /** From which the picture is decoded again where its colors are needed. */
  readonly source: Blob | ImageBitmap;
}

let network: PatchNetwork;
let giveMatcher: (file: Uint8Array) => void;
const matcherFile = new Promise<Uint8Array>((resolve) => (giveMatcher = resolve));
let openedMatcher: FeatureNetwork | null = null;
const images = new Map<Slot, Loaded>();
let latest = 0; // id of the last request that makes estimates before it useless

/** The matcher; its file is waited for when it is first needed. */
const matcher: FeatureNetwork = async (gray) => {
  openedMatcher ??= openMatcher(await matcherFile);
  return openedMatcher(gray);
};

export async function decode(source: Blob | ImageBitmap): Promise<ImageBitmap> {
  if (source instanceof ImageBitmap) return source;
  // Pixels as they are in the file, as OpenCV reads them, turned as its EXIF data say.
  return createImageBitmap(source, { colorSpaceConversion: "none" });
}

/** Converts a picture to gray in strips: a canvas of 48 megapixels would be large. */
function toGray(bitmap: ImageBitmap): Gray {
  const gray = makeGray(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(bitmap.width, Math.min(STRIP, bitmap.height));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  for (let top = 0; top < bitmap.height; top += STRIP) {
    const rows = Math.min(STRIP, bitmap.height - top);
    context.clearRect(0, 0, bitmap.width, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, bitmap.width, rows);
    writeLuma(data, gray.data, top * bitmap.width);
  }
  return gray;
}

async function reduced(bitmap: ImageBitmap, maxSide: number): Promise<ImageBitmap> {
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  return createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.round(bitmap.width * scale)),
    resizeHeight: Math.max(1, Math.round(bitmap.height * scale)),
    resizeQuality: "high",
  });
}

function loaded(slot: Slot): Loaded {
  const image = images.get(slot);
  if (!image) throw new Error(`There is no image ${slot.toUpperCase()} yet.`);
  return image;
}

function isSame(a: Gray, b: Gray): boolean {
  return (
    a.width === b.width && a.height === b.height && a.data.every((value, i) => value === b.data[i])
  );
}

type Handlers = {
  [K in Kind]: (
    argument: Calls[K]["argument"],
    id: number,
  ) => Promise<Calls[K]["result"]> | Calls[K]["result"];
};

const handlers: Handlers = {
  async start({ wasm, network: file, constants: values }) {
    setConstants(values);
    await startRuntime(wasm);
    network = await openNetwork(file);
  },
  matcher({ file }) {
    giveMatcher(file);
  },
  async image({ slot, source, maxSide }): Promise<Decoded> {
    const bitmap = await decode(source);
    const { width, height } = bitmap;
    const least = constants.refusals.MIN_SIDE;
    if (Math.min(width, height) < least) {
      throw new Error(
        `This image is too small: ${width}x${height} pixels; the minimum is ${least}x${least}.`,
      );
    }
    const gray = toGray(bitmap);
    const display = await reduced(bitmap, maxSide);
    const former = images.get(slot)?.source;
    images.set(slot, { prepared: new PreparedImage(gray), source });
    if (bitmap !== source) bitmap.close();
    if (former instanceof ImageBitmap) former.close();
    return { size: { width, height }, display };
  },
  swap() {
    const [a, b] = [loaded("a"), loaded("b")];
    images.set("a", b);
    images.set("b", a);
  },
  async estimate({ initialAFromB, maxAttempts }, id): Promise<Answer> {
    const a = loaded("a").prepared, b = loaded("b").prepared;
    const begin = performance.now();
    const result = await estimate(network, matcher, a, b, {
      initialAFromB,
      maxAttempts: maxAttempts ?? undefined,
      onAttempt: async (name) => {
        scope.postMessage({ progress: name } satisfies Reply);
        await new Promise((resolve) => setTimeout(resolve)); // messages come in meanwhile
        if (latest > id) throw new Error(CANCELLED);
      },
    });
    return {
      ...result,
      sizes: {
        a: { width: a.gray.width, height: a.gray.height },
        b: { width: b.gray.width, height: b.gray.height },
      },
      milliseconds: performance.now() - begin,
      isSame: isSame(a.gray, b.gray),
    };
  },
  async warp({ bFromA }): Promise<Blob> {
    const bitmap = await decode(loaded("a").source);
    return warpToPng(bitmap, bFromA, loaded("b").prepared.gray);
  },
};

function transferable(result: unknown): Transferable[] {
  return result !== null && typeof result === "object" && "display" in result
    ? [result.display as ImageBitmap]
    : [];
}

let queue: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }: MessageEvent<Request>) => {
  const { id, kind, argument } = data;
  if (kind === "image" || kind === "swap" || kind === "estimate") latest = id;
  const answer = async (): Promise<void> => {
    try {
      const handler = handlers[kind] as (argument: unknown, id: number) => unknown;
      const result = await handler(argument, id);
      scope.postMessage({ id, result } satisfies Reply, transferable(result));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      scope.postMessage({ id, error: message } satisfies Reply);
    }
  };
  // The matcher's file comes while an estimate waits for it; all else in order.
  if (kind === "matcher") void answer();
  else queue = queue.then(answer);
};
