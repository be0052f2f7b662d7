/**
 * The matcher takes images of any size, but LiteRT.js cannot resize the input of a model. So the
 * sizes in the model's file are set before it is compiled; the runtime derives all others.
 */

const INT32 = 4;

/** Reads the tables of a flatbuffer. */
class Flatbuffer {
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  follow(position: number): number {
    return position + this.view.getUint32(position, true);
  }

  /** Where the vector or table in a field of a table begins; 0 if the field is absent. */
  field(table: number, index: number): number {
    const layout = table - this.view.getInt32(table, true), slot = 4 + 2 * index;
    if (slot >= this.view.getUint16(layout, true)) return 0;
    const offset = this.view.getUint16(layout + slot, true);
    return offset ? this.follow(table + offset) : 0;
  }

  vector(position: number): number[] {
    const length = this.view.getUint32(position, true);
    return Array.from({ length }, (_, i) => this.view.getInt32(position + INT32 * (1 + i), true));
  }
}

/**
 * Sets the sizes of a TFLite file's input and outputs, `[1, height, width, channels]`.
 *
 * @param model The file's bytes.
 * @param strides Pixels from one feature of an output to the next, by its number of channels.
 * @returns A copy with these sizes.
 */
export function withImageSize(
  model: Uint8Array,
  height: number,
  width: number,
  strides: ReadonlyMap<number, number>,
): Uint8Array {
  const copy = model.slice(), buffer = new Flatbuffer(copy);
  // The fields of the schema: Model.subgraphs 2; SubGraph.tensors 0, inputs 1, outputs 2;
  // Tensor.shape 0, shape_signature 7.
  const subgraph = buffer.follow(buffer.field(buffer.follow(0), 2) + INT32);
  const tensors = buffer.field(subgraph, 0);
  const setSize = (tensor: number, stride: number): void => {
    const table = buffer.follow(tensors + INT32 * (1 + tensor));
    for (const shape of [buffer.field(table, 0), buffer.field(table, 7)]) {
      if (!shape) continue;
      buffer.view.setInt32(shape + 2 * INT32, height / stride, true);
      buffer.view.setInt32(shape + 3 * INT32, width / stride, true);
    }
  };
  buffer.vector(buffer.field(subgraph, 1)).forEach((input) => setSize(input, 1));
  for (const output of buffer.vector(buffer.field(subgraph, 2))) {
    const shape = buffer.field(buffer.follow(tensors + INT32 * (1 + output)), 0);
    const stride = strides.get(buffer.vector(shape)[3]);
    if (!stride) throw new Error("the matcher's file has an output that is not known");
    setSize(output, stride);
  }
  return copy;
}
