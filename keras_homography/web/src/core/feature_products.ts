/**
 * Products of features with each other. JavaScript computes one number at a time, so a function of
 * WebAssembly, assembled here, computes four.
 */

const ROWS = 4, COLUMNS = 8; // features of either image that are compared at once
const PAGE = 65_536; // bytes, of memory

/** Takes a row of all products: `products[j]` is that of features i of A and j of B. It is reused. */
export type VisitRow = (i: number, products: Float32Array) => void;

/** Multiplies all features of A with all of B, each of so many channels. */
export function visitProducts(
  a: Float32Array,
  b: Float32Array,
  channels: number,
  visit: VisitRow,
): void {
  const countA = a.length / channels, countB = b.length / channels;
  const panels = Math.ceil(countB / COLUMNS);
  if (!panels) return;
  const sizeA = ROWS * channels, sizeB = panels * COLUMNS * channels;
  const memory = reserve(4 * (sizeA + sizeB + panels * ROWS * COLUMNS));
  const packedA = memory.subarray(0, sizeA), packedB = memory.subarray(sizeA, sizeA + sizeB);
  const products = memory.subarray(sizeA + sizeB);
  for (let panel = 0; panel < panels; panel++) {
    pack(b, panel * COLUMNS, COLUMNS, channels, packedB.subarray(panel * COLUMNS * channels));
  }
  const row = new Float32Array(panels * COLUMNS), step = ROWS * COLUMNS;
  for (let first = 0; first < countA; first += ROWS) {
    pack(a, first, ROWS, channels, packedA);
    kernel.multiply(0, 4 * sizeA, 4 * (sizeA + sizeB), panels, channels);
    for (let r = 0; r < Math.min(ROWS, countA - first); r++) {
      for (let panel = 0, i = r * COLUMNS, j = 0; panel < panels; panel++, i += step) {
        for (let column = 0; column < COLUMNS; column++, j++) row[j] = products[i + column];
      }
      visit(first + r, row);
    }
  }
}

/** Writes some features channel by channel, 0 where there are no more. */
function pack(
  features: Float32Array,
  first: number,
  count: number,
  channels: number,
  packed: Float32Array,
): void {
  for (let n = 0; n < count; n++) {
    const begin = (first + n) * channels, isThere = begin < features.length;
    for (let k = 0; k < channels; k++) packed[k * count + n] = isThere ? features[begin + k] : 0;
  }
}

/** The memory of the kernel, at least so many bytes. */
function reserve(bytes: number): Float32Array {
  kernel ??= new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports as unknown as Kernel;
  const missing = Math.ceil((bytes - kernel.memory.buffer.byteLength) / PAGE);
  if (missing > 0) kernel.memory.grow(missing);
  return new Float32Array(kernel.memory.buffer);
}

interface Kernel {
  readonly memory: WebAssembly.Memory;
  /** Addresses of packed features of A and of B, and of their products; panels of B. */
  multiply(a: number, b: number, products: number, panels: number, channels: number): void;
}

let kernel: Kernel;

/** Assembles the module: https://webassembly.github.io/spec/core/binary/. */
function assemble(): Uint8Array<ArrayBuffer> {
  const I32 = 0x7f, V128 = 0x7b, LOOP = [0x03, 0x40], BRANCH_IF = [0x0d, 0], END = 0x0b;
  const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >> 7)]);
  const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
  const sized = (bytes: number[]): number[] => [...unsigned(bytes.length), ...bytes];
  const section = (id: number, bytes: number[]): number[] => [id, ...sized(bytes)];
  const text = (name: string): number[] => sized([...name].map((letter) => letter.charCodeAt(0)));
  const signed = (n: number): number[] =>
    n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)];
  const get = (local: number): number[] => [0x20, local];
  const set = (local: number): number[] => [0x21, local];
  const addTo = (local: number, n: number): number[] => [...get(local), 0x41, ...signed(n), 0x6a, ...set(local)];
  const load = (offset: number): number[] => [0xfd, 0x00, 4, ...unsigned(offset)];
  const loadRepeated = (offset: number): number[] => [0xfd, 0x09, 2, ...unsigned(offset)];
  const store = (offset: number): number[] => [0xfd, 0x0b, 4, ...unsigned(offset)];
  const zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
  const multiply = [0xfd, 0xe6, 0x01], add = [0xfd, 0xe4, 0x01];
  const [a, b, products, panels, channels, place, rest, left, right, one] = Array(10).keys();
  const sums = Array.from({ length: 2 * ROWS }, (_, i) => one + 1 + i);
  const accumulate = (sum: number, factor: number): number[] =>
    [...get(sum), ...get(one), ...get(factor), ...multiply, ...add, ...set(sum)];
  const repeatWhile = (counter: number): number[] =>
    [...addTo(counter, -1), ...get(counter), ...BRANCH_IF, END];
  const body = [
    ...LOOP,
    ...sums.flatMap((sum) => [...zero, ...set(sum)]),
    ...get(a), ...set(place), ...get(channels), ...set(rest),
    ...LOOP,
    ...get(b), ...load(0), ...set(left), ...get(b), ...load(16), ...set(right),
    ...Array.from({ length: ROWS }, (_, r) => [
      ...get(place), ...loadRepeated(4 * r), ...set(one),
      ...accumulate(sums[2 * r], left), ...accumulate(sums[2 * r + 1], right),
    ]).flat(),
    ...addTo(b, 4 * COLUMNS), ...addTo(place, 4 * ROWS),
    ...repeatWhile(rest),
    ...sums.flatMap((sum, i) => [...get(products), ...get(sum), ...store(16 * i)]),
    ...addTo(products, 4 * ROWS * COLUMNS),
    ...repeatWhile(panels),
    END,
  ];
  const locals = vector([[2, I32], [3 + sums.length, V128]]);
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector([[0x60, ...vector([[I32], [I32], [I32], [I32], [I32]]), 0]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, 1]])),
    ...section(7, vector([[...text("memory"), 2, 0], [...text("multiply"), 0, 0]])),
    ...section(10, vector([sized([...locals, ...body])])),
  ]);
}
