using Coppice.Graphs;
using Coppice.Perception.Data;

namespace Coppice.Perception.Networks;

/// <summary>First weights, and weights as safetensors files with the network's config as metadata.</summary>
public static class PerceptionWeights
{
    private const ulong NameHashStart = 14695981039346656037, NameHashFactor = 1099511628211; // FNV-1a, 64 bits.

    /// <summary>
    /// Values to start training from. The convolutions of backbone and neck are normal with variance 2 / (inputs of a result) (He and others, arXiv
    /// 1502.01852), the heads' uniform within 1 / sqrt(the greatest of input and output channels), as the authors draw new layers; the
    /// segmentation's doubling interpolates. What a parameter gets depends on the seed and its name alone.
    /// </summary>
    /// <param name="parameters">Parameters of a graph made by <see cref="PerceptionNetwork"/>.</param>
    /// <param name="seed">Of the random numbers.</param>
    public static IReadOnlyDictionary<string, TensorData> Initial(IEnumerable<Value> parameters, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return parameters.ToDictionary(p => p.Name, p => First(p, seed), StringComparer.Ordinal);
    }

    /// <summary>Writes weights.</summary>
    /// <param name="path">The file, replaced as a whole.</param>
    /// <param name="config">What the network is built from.</param>
    /// <param name="weights">All parameters of the network with <see cref="NormalizationMode.Running"/>, by name.</param>
    /// <param name="metadata">Further texts, as how the weights were made.</param>
    /// <exception cref="GraphException">A weight is missing or has another shape.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Save(
        string path,
        PerceptionConfig config,
        IReadOnlyDictionary<string, TensorData> weights,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        Check(path, config, weights);
        var texts = new Dictionary<string, string>(config.ToMetadata(), StringComparer.Ordinal);
        foreach ((string key, string value) in metadata ?? new Dictionary<string, string>()) texts[key] = value;
        Safetensors.Write(path, weights, texts);
    }

    /// <summary>Reads weights.</summary>
    /// <param name="path">A file of <see cref="Save"/>.</param>
    /// <exception cref="GraphException">The file is not one, or a weight is missing, unknown or of another shape; the message names it.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static (PerceptionConfig Config, IReadOnlyDictionary<string, TensorData> Weights, IReadOnlyDictionary<string, string> Metadata) Load(
        string path)
    {
        (IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        PerceptionConfig config;
        try
        {
            config = PerceptionConfig.FromMetadata(metadata);
        }
        catch (GraphException e)
        {
            throw new GraphException($"{path}: {e.Message}", e);
        }

        Check(path, config, weights);
        return (config, weights, metadata);
    }

    /// <summary>The parameters of a config's network at inference.</summary>
    /// <param name="config">The config.</param>
    public static IReadOnlyList<Value> Parameters(PerceptionConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var graph = new Graph();
        Value image = graph.Input("image", new(1, 3, config.Height, config.Width));
        PerceptionNetwork.Build(graph, image, config, NormalizationMode.Running);
        return graph.Parameters;
    }

    private static void Check(string path, PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights)
    {
        IReadOnlyList<Value> parameters = Parameters(config);
        foreach (Value parameter in parameters)
        {
            if (!weights.TryGetValue(parameter.Name, out TensorData? data)) throw new GraphException($"{path}: there is no tensor '{parameter.Name}'");
            if (data.Type != parameter.Type || data.Shape != parameter.Shape)
                throw new GraphException($"{path}: tensor '{parameter.Name}' is {data.Type} {data.Shape}; expected {parameter.Type} {parameter.Shape}");
        }

        if (weights.Count == parameters.Count) return;
        string other = weights.Keys.Except(parameters.Select(p => p.Name), StringComparer.Ordinal).First();
        throw new GraphException($"{path}: tensor '{other}' is not part of the network");
    }

    private static TensorData First(Value parameter, ulong seed)
    {
        string kind = parameter.Name[(parameter.Name.LastIndexOf('.') + 1)..];
        if (kind is "scale" or "variance") return Filled(parameter.Shape, 1);
        if (kind != "weight") return Filled(parameter.Shape, 0);
        if (parameter.Name.EndsWith("up.weight", StringComparison.Ordinal)) return Doubling(parameter.Shape);
        Shape shape = parameter.Shape;
        var random = new SceneRandom(seed, unchecked((long)Hash(parameter.Name)));
        float inputs = shape.Count / shape[0];
        bool backbone = parameter.Name.StartsWith("backbone.", StringComparison.Ordinal) || parameter.Name.StartsWith("neck.", StringComparison.Ordinal);
        float spread = backbone ? MathF.Sqrt(2 / inputs) : 1 / MathF.Sqrt(Math.Max(shape[0], shape[1]));
        var elements = new float[shape.Count];
        for (int i = 0; i < elements.Length; i++) elements[i] = backbone ? random.Normal() * spread : random.Between(-spread, spread);
        return TensorData.Of<float>(shape, elements);
    }

    private static TensorData Filled(Shape shape, float number)
    {
        var elements = new float[shape.Count];
        Array.Fill(elements, number);
        return TensorData.Of<float>(shape, elements);
    }

    /// <summary>Bilinear interpolation to twice the size, each channel to itself: a transposed 4x4 convolution of stride 2.</summary>
    private static TensorData Doubling(Shape shape)
    {
        ReadOnlySpan<float> weights = [0.25f, 0.75f, 0.75f, 0.25f];
        var elements = new float[shape.Count];
        for (int channel = 0; channel < Math.Min(shape[0], shape[1]); channel++)
        {
            int start = ((channel * shape[1]) + channel) * 16;
            for (int i = 0; i < 16; i++) elements[start + i] = weights[i / 4] * weights[i % 4];
        }

        return TensorData.Of<float>(shape, elements);
    }

    private static ulong Hash(string name)
    {
        ulong hash = NameHashStart;
        foreach (char c in name) hash = unchecked((hash ^ c) * NameHashFactor);
        return hash;
    }
}
