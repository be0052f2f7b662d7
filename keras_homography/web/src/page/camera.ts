/** The camera: a picture is frozen as A, and laid over every frame that follows. */

import { Matrix } from "../core/matrix";
import { element } from "./dom";

const WIDTH = 640, HEIGHT = 480;
const ATTEMPTS = 2; // of a frame: its time is short

/** What the camera needs of the page. */
export interface CameraPage {
  /** Makes a frame image B, or A. */
  setFrame(slot: "a" | "b", frame: ImageBitmap): Promise<void>;
  /** Estimates and shows; the homography, null if it is refused. */
  align(initialAFromB: Matrix | null, maxAttempts: number): Promise<Matrix | null>;
  fail(error: unknown): void;
  /** Called when the camera is on or off. */
  changed(isOn: boolean): void;
}

export class Camera {
  private stream: MediaStream | null = null;
  private readonly video = document.createElement("video");
  private hasReference = false;
  private toFreeze = false;

  constructor(private readonly page: CameraPage) {
    this.video.muted = true;
    this.video.playsInline = true;
    element("camera").addEventListener("click", () => (this.stream ? this.stop() : this.start()));
    element("freeze").addEventListener("click", () => (this.toFreeze = true));
  }

  get isOn(): boolean {
    return this.stream !== null;
  }

  stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.page.changed(false);
  }

  private async start(): Promise<void> {
    if (!navigator.mediaDevices) {
      this.page.fail(new Error("This browser gives no camera to a page that is opened this way."));
      return;
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "environment" },
      });
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      const denied = error instanceof DOMException && error.name === "NotAllowedError";
      this.stream?.getTracks().forEach((track) => track.stop());
      this.stream = null;
      this.page.fail(
        new Error(denied ? "The camera was not allowed." : "No camera can be used here."),
      );
      return;
    }
    this.hasReference = this.toFreeze = false;
    this.page.changed(true);
    void this.follow();
  }

  /** Lays A over one frame after another, each begun from the answer of the one before. */
  private async follow(): Promise<void> {
    let previous: Matrix | null = null;
    while (this.isOn) {
      try {
        if (this.toFreeze) {
          await this.page.setFrame("a", await createImageBitmap(this.video));
          [this.toFreeze, this.hasReference, previous] = [false, true, null];
        }
        await this.page.setFrame("b", await createImageBitmap(this.video));
        if (this.hasReference && this.isOn) previous = await this.page.align(previous, ATTEMPTS);
      } catch (error) {
        if (this.isOn) this.page.fail(error);
        this.stop();
      }
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }
}
