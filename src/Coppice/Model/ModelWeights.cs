using Coppice.Kernels;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>A matrix product's weights: [outputs, inputs] and, where the file has one, a bias [outputs].</summary>
public sealed record Linear(WeightMatrix Weights, float[]? Bias) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}

/// <summary>A normalization's weights [width] and, for <see cref="NormKind.Layer"/>, its bias.</summary>
public sealed record Norm(float[] Weight, float[]? Bias);

/// <summary>The weights of one layer. Fused tensors of the file are split at load, so every layer has this form.</summary>
public sealed record LayerWeights : IDisposable
{
    /// <summary>Before attention.</summary>
    public required Norm AttentionNorm { get; init; }

    /// <summary>[heads * headDim, width].</summary>
    public required Linear Query { get; init; }

    /// <summary>[kvHeads * headDim, width].</summary>
    public required Linear Key { get; init; }

    /// <summary>[kvHeads * headDim, width].</summary>
    public required Linear Value { get; init; }

    /// <summary>[headDim], where the architecture normalizes queries and keys.</summary>
    public float[]? QueryNorm { get; init; }

    /// <summary>[headDim].</summary>
    public float[]? KeyNorm { get; init; }

    /// <summary>[width, heads * headDim].</summary>
    public required Linear AttentionOutput { get; init; }

    /// <summary>After attention, where the architecture has it.</summary>
    public Norm? AttentionPostNorm { get; init; }

    /// <summary>Before the feed-forward block.</summary>
    public required Norm FeedForwardNorm { get; init; }

    /// <summary>[feedForward, width], in the gated kinds.</summary>
    public Linear? Gate { get; init; }

    /// <summary>[feedForward, width].</summary>
    public required Linear Up { get; init; }

    /// <summary>[width, feedForward].</summary>
    public required Linear Down { get; init; }

    /// <summary>After the feed-forward block, where the architecture has it.</summary>
    public Norm? FeedForwardPostNorm { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Linear? linear in (Linear?[])[Query, Key, Value, AttentionOutput, Gate, Up, Down]) linear?.Dispose();
    }
}

/// <summary>
/// A model's weights, ready for the kernels. Matrices are repacked from the mapped file at load, or stay there; embeddings are read
/// row by row from the mapping, which is kept. Owns both.
/// </summary>
public sealed class ModelWeights : IDisposable
{
    private readonly GgufFile _file;
    private readonly GgufTensor _embedding;
    private readonly GgufTensor? _positionEmbedding;

    private ModelWeights(GgufFile file, ModelConfig config, LayerWeights[] layers, Norm outputNorm, Linear output)
    {
        _file = file;
        Config = config;
        Layers = layers;
        OutputNorm = outputNorm;
        Output = output;
        _embedding = file.GetTensor("token_embd.weight");
        file.TryGetTensor("position_embd.weight", out _positionEmbedding);
    }

    /// <summary>The model's sizes.</summary>
    public ModelConfig Config { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<LayerWeights> Layers { get; }

    /// <summary>Before the output product.</summary>
    public Norm OutputNorm { get; }

    /// <summary>[vocabulary, width]; the embedding matrix where the file ties the two.</summary>
    public Linear Output { get; }

    /// <summary>Factors that divide the rotary frequencies [rotaryDims / 2] up to a context length, or null.</summary>
    public float[]? RotaryFactors(int contextLength)
    {
        var loader = new WeightLoader(_file, Config, null);
        return loader.OptionalVector("rope_freqs.weight", Config.RotaryDims / 2)
            ?? loader.OptionalVector(
                contextLength > Config.OriginalContextLength ? "rope_factors_long.weight" : "rope_factors_short.weight",
                Config.RotaryDims / 2);
    }

    /// <summary>Reads a token's embedding.</summary>
    /// <param name="token">Token id.</param>
    /// <param name="row">[width].</param>
    public void ReadEmbedding(int token, Span<float> row) => ReadRow(_embedding, token, row);

    /// <summary>Reads a position's learned embedding.</summary>
    /// <param name="position">Position.</param>
    /// <param name="row">[width].</param>
    public void ReadPositionEmbedding(int position, Span<float> row) => ReadRow(_positionEmbedding!, position, row);

    /// <summary>Loads the weights of an open file, which they own from then on, also when loading fails.</summary>
    /// <param name="file">The file.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="team">Packs.</param>
    /// <param name="path">How to pack; null: as fast as can be.</param>
    /// <param name="storage">Whether to pack.</param>
    /// <exception cref="ModelFormatException">A tensor is missing, or has another shape than the metadata says.</exception>
    public static ModelWeights Load(GgufFile file, ModelConfig config, WorkerTeam team, KernelPath? path = null, WeightStorage storage = WeightStorage.Packed)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(config);
        using FilePacker? packer = storage == WeightStorage.Packed ? file.Packer(team, path) : null;
        var loader = new WeightLoader(file, config, packer);
        try
        {
            loader.CheckEmbeddings();
            var layers = new LayerWeights[config.Layers];
            for (int layer = 0; layer < layers.Length; layer++) layers[layer] = loader.Layer(layer);
            Norm outputNorm = loader.Norm("output_norm");
            string outputName = file.TryGetTensor("output.weight", out _) ? "output" : "token_embd";
            Linear output = loader.Linear(outputName, config.Vocabulary, config.Width);
            return new ModelWeights(file, config, layers, outputNorm, output);
        }
        catch
        {
            loader.Abandon();
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LayerWeights layer in Layers) layer.Dispose();
        Output.Dispose();
        _file.Dispose();
    }

    private void ReadRow(GgufTensor tensor, int index, Span<float> row)
    {
        int bytes = checked((int)TensorTypes.Bytes(tensor.Type, row.Length));
        BlockCodec.Decode(tensor.Type, _file.Data(tensor).Span((long)index * bytes, bytes), row);
    }
}
