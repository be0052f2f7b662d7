/** What the page says about an answer: verdict, numbers, matrices. */

import { corners, Matrix, transform } from "../core/matrix";
import { Answer } from "../protocol";
import { download, element } from "./dom";

/** Rows of a matrix. */
function rows(m: Matrix | null): number[][] | null {
  return m && [m.slice(0, 3), m.slice(3, 6), m.slice(6, 9)];
}

/** An answer as `python -m keras_homography.predict` prints it. */
export function asJson(answer: Answer): string {
  const { a, b } = answer.sizes;
  const best = answer.bestAFromB;
  const fields = {
    ok: answer.ok,
    reason: answer.reason,
    reason_code: answer.reasonCode,
    confidence: answer.confidence,
    overlap: answer.overlap,
    b_from_a: rows(answer.bFromA),
    a_from_b: rows(answer.aFromB),
    best_a_from_b: rows(best),
    corners_of_b_in_a: answer.aFromB && corners(b).map((corner) => transform(answer.aFromB!, corner)),
    sizes: { a: [a.width, a.height], b: [b.width, b.height] },
    start: answer.start,
    attempts: answer.attempts,
    milliseconds: answer.milliseconds,
  };
  return JSON.stringify(fields, null, 2);
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function matrixText(m: Matrix | null): string {
  if (!m) return "none";
  const cells = m.map((value) => {
    const size = Math.abs(value);
    if (size >= 100) return value.toFixed(2);
    return size < 1e-3 && size > 0 ? value.toExponential(2) : value.toFixed(5);
  });
  const width = Math.max(...cells.map((cell) => cell.length));
  const padded = cells.map((cell) => cell.padStart(width));
  return [0, 3, 6].map((i) => padded.slice(i, i + 3).join("  ")).join("\n");
}

export class Results {
  private answer: Answer | null = null;
  private readonly status = element("status");
  private readonly verdict = element("verdict");

  /** `getPng` makes image A in the frame of B. */
  constructor(getPng: (bFromA: Matrix) => Promise<Blob>, onError: (error: unknown) => void) {
    element("copy").addEventListener("click", async () => {
      if (!this.answer) return;
      try {
        await navigator.clipboard.writeText(asJson(this.answer));
        this.say("Copied.");
      } catch {
        onError(new Error("This browser does not let a page write to the clipboard: download it."));
      }
    });
    element("save-json").addEventListener("click", () => {
      if (!this.answer) return;
      download(new Blob([asJson(this.answer)], { type: "application/json" }), "homography.json");
    });
    const savePng = element<HTMLButtonElement>("save-png");
    savePng.addEventListener("click", async () => {
      const answer = this.answer;
      if (!answer?.bFromA) return;
      savePng.disabled = true; // a large picture takes seconds
      try {
        download(await getPng(answer.bFromA), "aligned.png");
      } catch (error) {
        onError(error);
      }
      savePng.disabled = !this.answer?.ok;
    });
  }

  /** A line that screen readers read out. */
  say(text: string): void {
    this.status.textContent = text;
  }

  /** While an answer is being worked out. */
  wait(text: string): void {
    this.verdict.dataset.state = "working";
    this.say(text);
  }

  clear(): void {
    this.answer = null;
    this.verdict.dataset.state = "none";
    element("numbers").hidden = true;
  }

  show(answer: Answer, isBrief = false): void {
    this.answer = answer;
    this.verdict.dataset.state = answer.ok ? "ok" : "refused";
    const words = answer.ok
      ? answer.isSame
        ? "A and B are the same picture."
        : "Aligned."
      : `Not aligned: ${answer.reason}.`;
    if (this.status.textContent !== words) this.say(words);
    element("numbers").hidden = false;
    element("confidence").textContent = percent(answer.confidence);
    element<HTMLMeterElement>("meter").value = answer.confidence;
    element("overlap").textContent = percent(answer.overlap);
    element("time").textContent = seconds(answer.milliseconds);
    element("start").textContent = answer.start ?? "none";
    element("attempts").textContent = String(answer.attempts);
    if (isBrief) return;
    element("b-from-a").textContent = matrixText(answer.bFromA);
    element("a-from-b").textContent = matrixText(answer.aFromB);
    element<HTMLButtonElement>("save-png").disabled = !answer.ok;
  }
}
