using Google.Protobuf;

namespace Coppice.Graphs;

/// <summary>
/// Graphs as ONNX files, which ONNX Runtime, Netron and other tools open. Types and shapes of all values are written, so that what was
/// written is read back whole; weights are stored as initializers when their values are given.
/// </summary>
public static class OnnxFile
{
    /// <summary>Writes a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="path">The file; replaced as a whole, by a rename.</param>
    /// <param name="weights">Values of its parameters by name; a parameter that has none becomes an input.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(Graph graph, string path, IReadOnlyDictionary<string, TensorData>? weights = null)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> pieces = Pieces(graph, weights);
        AtomicFile.Write(path, stream =>
        {
            foreach (ReadOnlyMemory<byte> piece in pieces) stream.Write(piece.Span);
        });
    }

    /// <summary>A graph as the bytes of an ONNX file.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="weights">Values of its parameters by name; a parameter that has none becomes an input.</param>
    public static byte[] Serialize(Graph graph, IReadOnlyDictionary<string, TensorData>? weights = null)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> pieces = Pieces(graph, weights);
        var bytes = new byte[pieces.Sum(p => (long)p.Length)];
        int at = 0;
        foreach (ReadOnlyMemory<byte> piece in pieces)
        {
            piece.Span.CopyTo(bytes.AsSpan(at));
            at += piece.Length;
        }

        return bytes;
    }

    private static IReadOnlyList<ReadOnlyMemory<byte>> Pieces(Graph graph, IReadOnlyDictionary<string, TensorData>? weights)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return OnnxWriter.Write(graph, weights ?? new Dictionary<string, TensorData>());
    }

    /// <summary>Reads a graph; initializers become constants.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="GraphException">The file is not an ONNX graph with known shapes; the message says what was found.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Graph Read(string path) => Parse(File.ReadAllBytes(path), path);

    /// <summary>Reads a graph from the bytes of a file.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="source">What errors call them.</param>
    public static Graph Parse(byte[] bytes, string source = "graph")
    {
        try
        {
            return OnnxReader.Read(bytes).ToGraph();
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or OverflowException or ArgumentException)
        {
            throw new GraphException($"{source}: not an ONNX graph: {e.Message}", e);
        }
        catch (GraphException e)
        {
            throw new GraphException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>The stored tensors of any ONNX file by name, as for weights that others trained; shapes need not be known.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="GraphException">The file is not ONNX.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static IReadOnlyDictionary<string, TensorData> ReadInitializers(string path)
    {
        return ReadStructure(path).Initializers;
    }

    /// <summary>Operators and stored tensors of any ONNX file; shapes need not be known.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="GraphException">The file is not ONNX.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static OnnxStructure ReadStructure(string path)
    {
        try
        {
            return OnnxReader.Read(File.ReadAllBytes(path)).ToStructure();
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or OverflowException or ArgumentException or GraphException)
        {
            throw new GraphException($"{path}: not an ONNX file: {e.Message}", e);
        }
    }
}
