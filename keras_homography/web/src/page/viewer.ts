/** A over B: by opacity, swipe, blink and difference. */

import { Matrix, multiply, Size } from "../core/matrix";
import { Slot } from "../protocol";
import { element } from "./dom";

export const MODES = ["opacity", "swipe", "blink", "difference"] as const;
export type Mode = (typeof MODES)[number];

const BLINK_MILLISECONDS = 700;

export class Viewer {
  private mode: Mode = "opacity";
  private bFromA: Matrix | null = null;
  private readonly sizes: Record<Slot, Size | null> = { a: null, b: null };
  private readonly stage = element("stage");
  private readonly clip = element("clip");
  private readonly layers: Record<Slot, HTMLCanvasElement> = {
    a: element<HTMLCanvasElement>("layer-a"),
    b: element<HTMLCanvasElement>("layer-b"),
  };
  private readonly amount = element<HTMLInputElement>("amount");
  private readonly motion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor() {
    for (const mode of MODES) {
      element<HTMLInputElement>(`mode-${mode}`).addEventListener("change", () => this.setMode(mode));
    }
    this.amount.addEventListener("input", () => this.style());
    new ResizeObserver(() => this.place()).observe(this.stage);
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    this.stage.addEventListener("pointermove", (event) => {
      if (event.buttons) this.drag(event);
    });
    setInterval(() => {
      if (this.mode === "blink" && !this.motion.matches) this.stage.classList.toggle("blinked");
    }, BLINK_MILLISECONDS);
    this.setMode("opacity");
  }

  setMode(mode: Mode): void {
    this.mode = mode;
    element<HTMLInputElement>(`mode-${mode}`).checked = true;
    this.stage.classList.remove("blinked");
    this.amount.disabled = mode === "difference" || mode === "blink";
    this.amount.setAttribute("aria-label", mode === "swipe" ? "Border of A" : "Opacity of A");
    if (mode === "swipe") this.amount.value = "50";
    this.style();
  }

  /** Shows another picture in a slot. */
  setImage(slot: Slot, bitmap: ImageBitmap, size: Size): void {
    const canvas = this.layers[slot];
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext("2d")!.drawImage(bitmap, 0, 0);
    this.sizes[slot] = size;
    if (slot === "b") this.stage.style.aspectRatio = `${size.width} / ${size.height}`;
    this.stage.style.setProperty("--aspect", String(this.aspect()));
    this.place();
  }

  swap(): void {
    [this.layers.a, this.layers.b] = [this.layers.b, this.layers.a];
    [this.sizes.a, this.sizes.b] = [this.sizes.b, this.sizes.a];
    this.clip.replaceChildren(this.layers.a);
    this.layers.b.style.transform = "";
    this.stage.prepend(this.layers.b);
    const { b } = this.sizes;
    if (b) this.stage.style.aspectRatio = `${b.width} / ${b.height}`;
    this.stage.style.setProperty("--aspect", String(this.aspect()));
    this.show(null, false);
  }

  /** Shows A over B; without a matrix, B alone. A refused one is shown in gray. */
  show(bFromA: Matrix | null, refused: boolean): void {
    this.bFromA = bFromA;
    this.stage.classList.toggle("refused", refused);
    this.stage.classList.toggle("aligned", bFromA !== null);
    this.place();
  }

  private aspect(): number {
    const { b } = this.sizes;
    return b ? b.width / b.height : 4 / 3;
  }

  /** Places A on the stage by a CSS matrix. */
  private place(): void {
    const { a, b } = this.sizes, canvas = this.layers.a;
    canvas.hidden = !(a && b && this.bFromA);
    if (!(a && b && this.bFromA)) return;
    const scaleX = this.stage.clientWidth / b.width, scaleY = this.stage.clientHeight / b.height;
    // CSS counts from the corner of a pixel, a homography from its center.
    const aFromCanvas = [a.width / canvas.width, 0, -0.5, 0, a.height / canvas.height, -0.5, 0, 0, 1];
    const stageFromB = [scaleX, 0, scaleX / 2, 0, scaleY, scaleY / 2, 0, 0, 1];
    const m = multiply(stageFromB, this.bFromA, aFromCanvas);
    const elements = [m[0], m[3], 0, m[6], m[1], m[4], 0, m[7], 0, 0, 1, 0, m[2], m[5], 0, m[8]];
    canvas.style.transform = `matrix3d(${elements.map((value) => value / m[8]).join(",")})`;
  }

  private style(): void {
    this.stage.dataset.mode = this.mode;
    const share = Number(this.amount.value);
    this.clip.style.opacity = this.mode === "opacity" ? String(share / 100) : "1";
    this.clip.style.clipPath = this.mode === "swipe" ? `inset(0 ${100 - share}% 0 0)` : "";
    this.stage.style.setProperty("--border", `${share}%`);
  }

  /** A pointer on the stage moves the border, or shows the other picture. */
  private drag(event: PointerEvent): void {
    if (this.mode === "blink" && event.type === "pointerdown") this.stage.classList.toggle("blinked");
    if (this.mode !== "swipe" && this.mode !== "opacity") return;
    const { left, width } = this.stage.getBoundingClientRect();
    const share = (100 * (event.clientX - left)) / width;
    this.amount.value = String(Math.min(Math.max(share, 0), 100));
    this.style();
  }
}
