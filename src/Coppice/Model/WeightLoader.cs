using Coppice.Kernels;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>Finds a model's tensors by their GGUF names, checks their shapes against the configuration, and packs them.</summary>
/// <param name="file">The file.</param>
/// <param name="config">The model's sizes.</param>
/// <param name="packer">Packs; null where matrices stay in the mapped file.</param>
internal sealed class WeightLoader(GgufFile file, ModelConfig config, FilePacker? packer)
{
    private readonly List<WeightMatrix> _matrices = [];

    /// <summary>Returns the memory of everything that was packed, after a failure.</summary>
    public void Abandon()
    {
        foreach (WeightMatrix matrix in _matrices) matrix.Dispose();
    }

    public void CheckEmbeddings()
    {
        Matrix("token_embd.weight", config.Vocabulary, config.Width);
        if (config.Architecture.Positions == PositionKind.Learned)
            Matrix("position_embd.weight", config.ContextLength, config.Width);
    }

    public LayerWeights Layer(int layer)
    {
        string prefix = $"blk.{layer}.";
        int queries = config.Heads * config.HeadDim, keys = config.KvHeads * config.HeadDim;
        Architecture architecture = config.Architecture;
        Linear[] qkv = Split(prefix + "attn_qkv", [queries, keys, keys], config.Width) ??
        [
            Linear(prefix + "attn_q", queries, config.Width),
            Linear(prefix + "attn_k", keys, config.Width),
            Linear(prefix + "attn_v", keys, config.Width),
        ];
        (Linear? gate, Linear up) = GateAndUp(prefix);
        return new LayerWeights
        {
            AttentionNorm = Norm(prefix + "attn_norm"),
            Query = qkv[0],
            Key = qkv[1],
            Value = qkv[2],
            QueryNorm = architecture.QueryKeyNorm ? Vector(prefix + "attn_q_norm.weight", config.HeadDim) : null,
            KeyNorm = architecture.QueryKeyNorm ? Vector(prefix + "attn_k_norm.weight", config.HeadDim) : null,
            AttentionOutput = Linear(prefix + "attn_output", config.Width, queries),
            AttentionPostNorm = architecture.PostNorms ? Norm(prefix + "post_attention_norm") : null,
            FeedForwardNorm = Norm(prefix + "ffn_norm"),
            Gate = gate,
            Up = up,
            Down = Linear(prefix + "ffn_down", config.Width, config.FeedForward),
            FeedForwardPostNorm = architecture.PostNorms ? Norm(prefix + "post_ffw_norm") : null,
        };
    }

    /// <summary>A gated block without a gate tensor has both halves in "up", the gate first.</summary>
    private (Linear? Gate, Linear Up) GateAndUp(string prefix)
    {
        bool gated = config.Architecture.FeedForward != FeedForwardKind.Gelu;
        if (!gated) return (null, Linear(prefix + "ffn_up", config.FeedForward, config.Width));
        if (file.TryGetTensor(prefix + "ffn_gate.weight", out _))
            return (Linear(prefix + "ffn_gate", config.FeedForward, config.Width), Linear(prefix + "ffn_up", config.FeedForward, config.Width));
        Linear[] halves = Split(prefix + "ffn_up", [config.FeedForward, config.FeedForward], config.Width)
            ?? throw Missing(prefix + "ffn_up.weight");
        return (halves[0], halves[1]);
    }

    public Norm Norm(string name) => new(
        Vector(name + ".weight", config.Width),
        config.Architecture.Norm == NormKind.Layer ? Vector(name + ".bias", config.Width) : null);

    public Linear Linear(string name, int outputs, int inputs)
    {
        GgufTensor tensor = Matrix(name + ".weight", outputs, inputs);
        return new Linear(Rows(tensor, 0, outputs, inputs), OptionalVector(name + ".bias", outputs));
    }

    public float[]? OptionalVector(string name, int length) => file.TryGetTensor(name, out _) ? Vector(name, length) : null;

    private float[] Vector(string name, int length)
    {
        GgufTensor tensor = Find(name, [length]);
        var values = new float[length];
        BlockCodec.Decode(tensor.Type, file.Data(tensor).Span(0, checked((int)tensor.Bytes)), values);
        return values;
    }

    /// <summary>Rows of one tensor as several matrices, or null where the file does not have it.</summary>
    private Linear[]? Split(string name, int[] outputs, int inputs)
    {
        if (!file.TryGetTensor(name + ".weight", out _)) return null;
        GgufTensor tensor = Matrix(name + ".weight", outputs.Sum(), inputs);
        float[]? bias = OptionalVector(name + ".bias", outputs.Sum());
        var parts = new Linear[outputs.Length];
        int row = 0;
        for (int i = 0; i < outputs.Length; i++)
        {
            parts[i] = new Linear(Rows(tensor, row, outputs[i], inputs), bias?[row..(row + outputs[i])]);
            row += outputs[i];
        }

        return parts;
    }

    /// <summary>The rows [first, first + outputs) of a tensor.</summary>
    private WeightMatrix Rows(GgufTensor tensor, int first, int outputs, int inputs)
    {
        long rowBytes = TensorTypes.Bytes(tensor.Type, inputs);
        WeightMatrix matrix = packer is null
            ? WeightMatrix.Map(tensor.Type, outputs, inputs, file.Data(tensor).Slice(first * rowBytes, outputs * rowBytes))
            : packer.Pack(tensor.Type, outputs, inputs, tensor.Offset + (first * rowBytes));
        _matrices.Add(matrix);
        return matrix;
    }

    private GgufTensor Matrix(string name, int outputs, int inputs) => Find(name, [inputs, outputs]);

    private GgufTensor Find(string name, ReadOnlySpan<int> dimensions)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor)) throw Missing(name);
        bool same = tensor.Dimensions.Count >= dimensions.Length;
        for (int i = 0; same && i < tensor.Dimensions.Count; i++)
            same = tensor.Dimensions[i] == (i < dimensions.Length ? dimensions[i] : 1);
        return same
            ? tensor
            : throw new ModelFormatException(
                file.Path, $"tensor {name}", $"shape [{string.Join(", ", dimensions.ToArray())}]", $"[{string.Join(", ", tensor.Dimensions)}]");
    }

    private ModelFormatException Missing(string name) => new(file.Path, $"tensor {name}", "to be in the file", "nothing");
}
