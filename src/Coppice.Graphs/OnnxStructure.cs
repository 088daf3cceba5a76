namespace Coppice.Graphs;

/// <summary>An operator of an ONNX file as it stands there, shapes unknown.</summary>
/// <param name="Type">The operator's name in ONNX.</param>
/// <param name="Name">Its own name; may be empty.</param>
/// <param name="Inputs">Names of its inputs; empty for an optional one that is left out.</param>
/// <param name="Outputs">Names of its outputs.</param>
/// <param name="Attributes">long, float, string, long[], float[] or <see cref="TensorData"/> by name.</param>
public sealed record OnnxNode(
    string Type,
    string Name,
    IReadOnlyList<string> Inputs,
    IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, object> Attributes)
{
    /// <summary>Operator and name.</summary>
    public override string ToString() => $"{Type} '{Name}'";
}

/// <summary>An ONNX file as names that lead from one operator to the next, for weights that others trained; see <see cref="OnnxFile.ReadStructure"/>.</summary>
/// <param name="Nodes">The operators, in the file's order.</param>
/// <param name="Inputs">What is given at each run: inputs that have no stored value.</param>
/// <param name="Outputs">What a run yields.</param>
/// <param name="Initializers">Stored tensors by name.</param>
public sealed record OnnxStructure(
    IReadOnlyList<OnnxNode> Nodes,
    IReadOnlyList<string> Inputs,
    IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, TensorData> Initializers);
