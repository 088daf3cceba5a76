using System.Runtime.CompilerServices;
using Coppice.Graphs;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Inference;

/// <summary>
/// A network as ONNX Runtime takes it. Weights, the folded graph and the serialized one are each as large as the network, and the runtime
/// makes copies of its own: each is let go as soon as the next is made, in a method that has ended, as a running method may hold what it no
/// longer needs. ResNet-50 at 1024x512 peaks at 1.1 GB if they all stay.
/// </summary>
internal sealed class PreparedNetwork
{
    /// <summary>From where on copies are worth a collection, which stops all threads for some milliseconds.</summary>
    private const int LargeBytes = 16 << 20;

    private readonly bool _isLarge;
    private byte[]? _model;

    private PreparedNetwork(PerceptionConfig config, byte[] model) => (Config, _model, _isLarge) = (config, model, model.Length >= LargeBytes);

    /// <summary>What the network was built from, at the size of its image.</summary>
    public PerceptionConfig Config { get; }

    /// <summary>What stands for each of the 256 values of each channel where the network takes numbers.</summary>
    public float[][]? Floats { get; private init; }

    /// <summary>What stands for them where it takes bytes.</summary>
    public byte[][]? Bytes { get; private init; }

    /// <summary>Prepares the network of a file.</summary>
    /// <param name="path">Its weights.</param>
    /// <param name="options">Size and precision.</param>
    public static PreparedNetwork Load(string path, PerceiverOptions options)
    {
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata) = PerceptionWeights.Load(path);
        return Of(config, weights, metadata, options);
    }

    /// <summary>Prepares a network.</summary>
    /// <param name="config">What it is built from.</param>
    /// <param name="weights">Its parameters by name.</param>
    /// <param name="metadata">Texts beside the weights, ranges for int8 among them.</param>
    /// <param name="options">Size and precision.</param>
    public static PreparedNetwork Of(
        PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata, PerceiverOptions options)
    {
        config = Sized(config, options);
        FoldedGraph folded = InferenceNetwork.Fold(config, weights, foldImage: true);
        if (options.Precision == PerceptionPrecision.Fp32) return new PreparedNetwork(config, OnnxFile.Serialize(folded.Graph)) { Floats = Tables(folded) };
        Graph graph = QuantizedGraph.Of(folded, InferenceNetwork.ReadRanges(metadata), bytes: true, out float scale, out byte zero);
        return new PreparedNetwork(config, OnnxFile.Serialize(graph))
        {
            Bytes = [.. Tables(folded).Select(t => Array.ConvertAll(t, v => (byte)Math.Clamp(MathF.Round(v / scale) + zero, 0, 255)))],
        };
    }

    /// <summary>The config at the size that is asked for.</summary>
    /// <param name="config">The config.</param>
    /// <param name="options">The size; 0 for the config's.</param>
    /// <exception cref="GraphException">A network of that size can't be built.</exception>
    public static PerceptionConfig Sized(PerceptionConfig config, PerceiverOptions options)
    {
        config = config with { Width = options.Width > 0 ? options.Width : config.Width, Height = options.Height > 0 ? options.Height : config.Height };
        config.Check();
        return config;
    }

    /// <summary>What a folded graph takes for each of the 256 values of each channel.</summary>
    /// <param name="folded">The graph.</param>
    public static float[][] Tables(FoldedGraph folded) =>
        [.. Enumerable.Range(0, 3).Select(c => Enumerable.Range(0, 256).Select(v => (v * folded.Factor[c]) + folded.Offset[c]).ToArray())];

    /// <summary>Makes the network ready; it can't be opened again.</summary>
    /// <param name="run">How it is run.</param>
    public GraphSession Open(GraphRunOptions run)
    {
        if (_isLarge) Collect();
        GraphSession session = OpenModel(run);
        if (_isLarge) Collect();
        return session;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private GraphSession OpenModel(GraphRunOptions run)
    {
        byte[] model = _model ?? throw new InvalidOperationException("the network was opened before");
        _model = null;
        return new GraphSession(model, run);
    }

    /// <summary>Frees what nobody refers to, and hands its memory back to the system.</summary>
    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
