/** What the page and its worker say to each other. */

import { Constants } from "./core/constants";
import { Estimate } from "./core/estimator";
import { Matrix, Size } from "./core/matrix";

export type Slot = "a" | "b";

/** What the worker does: the arguments and the result of each call. */
export interface Calls {
  /** Starts the runtime, once. */
  start: { argument: { wasm: Uint8Array; network: Uint8Array; constants: Constants }; result: void };
  /** Gives the file of the matcher, once; estimates wait for it. */
  matcher: { argument: { file: Uint8Array }; result: void };
  /** Decodes an image of a slot; the former one stays if that fails. */
  image: { argument: { slot: Slot; source: Blob | ImageBitmap; maxSide: number }; result: Decoded };
  swap: { argument: null; result: void };
  /** Estimates the homography between the images of both slots. */
  estimate: { argument: EstimateOptions; result: Answer };
  /** Image A in the frame of B, at full size, as PNG. */
  warp: { argument: { bFromA: Matrix }; result: Blob };
}

export interface EstimateOptions {
  readonly initialAFromB: Matrix | null;
  readonly maxAttempts: number | null;
}

export interface Decoded {
  readonly size: Size;
  /** The image, reduced for display. */
  readonly display: ImageBitmap;
}

export interface Answer extends Estimate {
  readonly sizes: { readonly a: Size; readonly b: Size };
  readonly milliseconds: number;
  /** Whether both images have the same pixels. */
  readonly isSame: boolean;
}

export type Kind = keyof Calls;

export interface Request<K extends Kind = Kind> {
  readonly id: number;
  readonly kind: K;
  readonly argument: Calls[K]["argument"];
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly progress: string };

/** The message of an estimate that was given up for newer images. */
export const CANCELLED = "cancelled";
