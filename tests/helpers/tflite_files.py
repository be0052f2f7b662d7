"""Write the smallest TFLite files, sound and unsound ones."""

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def model(
    operator=0,
    custom_code=None,
    shape=(1, 4),
    data=bytes(16),
    opcode_index=0,
    inputs=(0, 1),
    buffer=1,
    identifier=b"TFL3",
    shape_signature=None,
):
    """Return a file of one operator that adds a constant to its input.

    Args:
      operator: number of the built-in operator.
      custom_code: name of a custom operator.
      shape: of the input and output.
      data: of the constant, four float32.
      opcode_index: which operator the graph calls.
      inputs: which tensors the operator reads.
      buffer: which buffer the constant is in.
      identifier: of the format.
      shape_signature: of the input and output, -1 for sides that are left open.
    """
    code = schema.OperatorCodeT()
    code.deprecatedBuiltinCode, code.builtinCode = min(operator, 127), operator
    code.customCode, code.version = custom_code, 1
    tensors = []
    for name, tensor_shape, number in (("x", shape, 0), ("one", [1, 4], buffer), ("y", shape, 0)):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(tensor_shape), number
        if tensor_shape is shape:
            tensor.shapeSignature = shape_signature
        tensor.type = schema.TensorType.FLOAT32
        tensors.append(tensor)
    call = schema.OperatorT()
    call.opcodeIndex, call.inputs, call.outputs = opcode_index, list(inputs), [2]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [2], [call]
    file = schema.ModelT()
    file.version, file.operatorCodes, file.subgraphs = 3, [code], [graph]
    empty, constant = schema.BufferT(), schema.BufferT()
    constant.data = list(data)
    file.buffers = [empty, constant]
    builder = flatbuffers.Builder(1024)
    builder.Finish(file.Pack(builder), identifier)
    return bytes(builder.Output())
