/** The page: pictures in, their homography and its doubt out. Nothing leaves it. */

import { Matrix } from "../core/matrix";
import { CANCELLED, Slot } from "../protocol";
import { Camera } from "./camera";
import { Client } from "./client";
import { element } from "./dom";
import { EXAMPLES, listExamples, readExample } from "./examples";
import { checkImage, listen } from "./intake";
import { Results } from "./results";
import { MODES, Viewer } from "./viewer";

const MAX_DISPLAY_SIDE = 2048; // pixels
// A module with one instruction of fixed-width SIMD.
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
];

const viewer = new Viewer();
const has: Record<Slot, boolean> = { a: false, b: false };
let client: Client;
let asked = 0; // number of the newest question: older answers are not shown

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  if (message === CANCELLED) return;
  element("alert").textContent = message;
}

const results = new Results((bFromA) => client.call("warp", { bFromA }), fail);

/** Gives a slot its picture; the former one stays if this one is refused. */
async function setPicture(slot: Slot, source: Blob | ImageBitmap): Promise<void> {
  if (source instanceof Blob) await checkImage(source);
  const transfer = source instanceof ImageBitmap ? [source] : [];
  const decoded = await client.call(
    "image",
    { slot, source, maxSide: MAX_DISPLAY_SIDE },
    transfer,
  );
  has[slot] = true;
  viewer.setImage(slot, decoded.display, decoded.size);
  drawThumbnail(slot, decoded.display);
  element(`size-${slot}`).textContent = `${decoded.size.width} × ${decoded.size.height}`;
}

function drawThumbnail(slot: Slot, bitmap: ImageBitmap): void {
  const canvas = element<HTMLCanvasElement>(`thumb-${slot}`);
  const scale = 240 / Math.max(bitmap.width, bitmap.height);
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** Estimates and shows the answer; the homography, null if it is refused or outdated. */
async function align(
  initialAFromB: Matrix | null = null,
  maxAttempts: number | null = null,
): Promise<Matrix | null> {
  if (!has.a || !has.b) return null;
  const mine = ++asked;
  const isLive = maxAttempts !== null;
  if (!isLive) {
    viewer.show(null, false);
    results.clear();
    results.wait("Comparing the two pictures …");
  }
  const answer = await client.call("estimate", { initialAFromB, maxAttempts });
  if (mine !== asked) return null;
  const shown = answer.ok ? answer.bFromA : null;
  viewer.show(shown, !answer.ok);
  results.show(answer, isLive && camera.isOn && answer.ok);
  return answer.aFromB;
}

/** Pictures of the user: each in its slot, or in whichever is next. */
async function take(files: Blob[], slot: Slot | null): Promise<void> {
  camera.stop();
  element("alert").textContent = "";
  let next: Slot = slot ?? (has.a && (nextSlot === "b" || !has.b) ? "b" : "a");
  try {
    for (const file of files) {
      await setPicture(next, file);
      next = next === "a" ? "b" : "a";
      nextSlot = next;
    }
    markExample(null);
    await align();
  } catch (error) {
    fail(error);
  }
}

let nextSlot: Slot = "a";

async function showExample(name: string): Promise<void> {
  camera.stop();
  element("alert").textContent = "";
  try {
    const [a, b] = await readExample(name);
    markExample(name);
    await setPicture("a", a);
    await setPicture("b", b);
    nextSlot = "a";
    await align();
  } catch (error) {
    fail(error);
  }
}

function markExample(name: string | null): void {
  document.querySelectorAll<HTMLElement>("[data-example]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.example === name));
  });
}

async function swap(): Promise<void> {
  if (!has.a || !has.b || camera.isOn) return;
  try {
    await client.call("swap", null);
    viewer.swap();
    const [a, b] = [element("tile-a"), element("tile-b")];
    const pictures = [a, b].map((tile) => tile.querySelector("canvas")!);
    const sizes = ["size-a", "size-b"].map((id) => element(id).textContent);
    pictures[0].replaceWith(pictures[1].cloneNode());
    pictures[1].replaceWith(pictures[0]);
    const copy = a.querySelector("canvas")!;
    [copy.width, copy.height] = [pictures[1].width, pictures[1].height];
    copy.getContext("2d")!.drawImage(pictures[1], 0, 0);
    [copy.id, pictures[0].id] = ["thumb-a", "thumb-b"];
    [element("size-a").textContent, element("size-b").textContent] = [sizes[1], sizes[0]];
    markExample(null);
    await align();
  } catch (error) {
    fail(error);
  }
}

const camera = new Camera({
  setFrame: (slot, frame) => setPicture(slot, frame),
  align: (initial, attempts) => align(initial, attempts),
  fail,
  changed(isOn) {
    document.body.classList.toggle("live", isOn);
    element("camera").textContent = isOn ? "Stop the camera" : "Use the camera";
    element("freeze").hidden = !isOn;
    if (!isOn) return;
    asked++;
    viewer.show(null, false);
    results.clear();
    results.say("Freeze a picture as A, then move the camera.");
    element("alert").textContent = "";
    markExample(null);
  },
});

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input[type=text]")) return;
  const mode = MODES[Number(event.key) - 1];
  if (mode) viewer.setMode(mode);
  if (event.key === "s") void swap();
  if (event.key === "f" && camera.isOn) element("freeze").click();
});
element("swap").addEventListener("click", () => void swap());

async function main(): Promise<void> {
  if (!WebAssembly.validate(new Uint8Array(SIMD))) {
    results.say("");
    fail(new Error("This browser has no WebAssembly SIMD, which the networks need."));
    return;
  }
  results.wait("Loading the networks …");
  try {
    client = await Client.start((name) => {
      if (!camera.isOn && name !== "network") results.say(`Harder than usual: trying ${name} …`);
    });
    client.loadMatcher().catch(fail);
    listen((files, slot) => void take(files, slot));
    listExamples((name) => void showExample(name));
    document.body.classList.add("ready");
    await showExample(EXAMPLES[0].name);
  } catch (error) {
    results.say("");
    fail(error);
  }
}

void main();
