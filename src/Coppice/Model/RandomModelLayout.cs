namespace Coppice.Model;

/// <summary>How a random model's tensor is stored and filled.</summary>
internal enum RandomTensorKind
{
    /// <summary>Random numbers in the type asked for.</summary>
    Matrix,

    /// <summary>Random numbers in F32.</summary>
    Floats,

    /// <summary>What the rotary frequencies are divided by, in F32.</summary>
    RopeDivisors,
}

/// <summary>A tensor of a random model.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="Kind">How it is stored and filled.</param>
/// <param name="Mean">Mean of its numbers; 0 for matrices.</param>
/// <param name="Deviation">Their standard deviation.</param>
/// <param name="Dimensions">Its sizes in ggml's order, the row's length first.</param>
internal sealed record RandomTensor(string Name, RandomTensorKind Kind, float Mean, float Deviation, params long[] Dimensions)
{
    /// <summary>Number of its elements.</summary>
    public long Elements => Dimensions.Aggregate((a, b) => a * b);
}

/// <summary>Which tensors each architecture has, by the names and shapes that llama.cpp reads (src/llama-arch.cpp, src/models).</summary>
internal static class RandomModelLayout
{
    /// <summary>The tensors in the order in which they are written.</summary>
    public static IEnumerable<RandomTensor> Of(ModelShape shape)
    {
        bool biased = HasBiases(shape);
        // Gemma multiplies embeddings by the root of the width, and its output matrix is the embedding: unless they are small (and
        // the last norm makes up for it), each token predicts itself.
        float shrink = HasPostNorms(shape) ? MathF.Sqrt(MathF.Sqrt(shape.Width)) : 1;
        float spread = 1 / MathF.Sqrt(shape.Width);
        yield return new("token_embd.weight", RandomTensorKind.Matrix, 0, spread / shrink, shape.Width, shape.Vocabulary);
        if (shape.RopeBase == 0) yield return new("position_embd.weight", RandomTensorKind.Floats, 0, spread, shape.Width, shape.Context);
        if (shape.RopeStretch is not null) yield return new("rope_freqs.weight", RandomTensorKind.RopeDivisors, 0, 0, shape.HeadDim / 2);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            string block = $"blk.{layer}.";
            foreach (RandomTensor tensor in Attention(shape, block)) yield return tensor;
            foreach (RandomTensor tensor in FeedForward(shape, block)) yield return tensor;
        }
        yield return new("output_norm.weight", RandomTensorKind.Floats, shrink, shrink * shape.NormNoise, shape.Width);
        if (biased) yield return Bias(shape, "output_norm", shape.Width);
        if (!shape.TiedOutput) yield return Matrix("output", shape.Width, shape.Vocabulary);
    }

    private static IEnumerable<RandomTensor> Attention(ModelShape shape, string block)
    {
        int queries = shape.Heads * shape.HeadDim;
        int keys = shape.KvHeads * shape.HeadDim;
        bool biased = HasBiases(shape);
        yield return Norm(shape, block + "attn_norm", shape.Width);
        if (biased) yield return Bias(shape, block + "attn_norm", shape.Width);
        if (shape.Architecture is "phi3" or "starcoder")
        {
            yield return Matrix(block + "attn_qkv", shape.Width, queries + 2 * keys);
            if (biased) yield return Bias(shape, block + "attn_qkv", queries + 2 * keys);
        }
        else
        {
            foreach ((string name, int rows) in new[] { ("attn_q", queries), ("attn_k", keys), ("attn_v", keys) })
            {
                yield return Matrix(block + name, shape.Width, rows);
                if (shape.Architecture == "qwen2") yield return Bias(shape, block + name, rows);
            }
        }
        if (shape.Architecture is "qwen3" or "gemma3")
        {
            yield return Norm(shape, block + "attn_q_norm", shape.HeadDim);
            yield return Norm(shape, block + "attn_k_norm", shape.HeadDim);
        }
        yield return Matrix(block + "attn_output", queries, shape.Width);
        if (biased) yield return Bias(shape, block + "attn_output", shape.Width);
        if (HasPostNorms(shape)) yield return Norm(shape, block + "post_attention_norm", shape.Width);
    }

    private static IEnumerable<RandomTensor> FeedForward(ModelShape shape, string block)
    {
        bool biased = HasBiases(shape);
        // Phi 3 keeps gate and up in one matrix, gate first.
        int up = shape.Architecture == "phi3" ? 2 * shape.FeedForward : shape.FeedForward;
        yield return Norm(shape, block + "ffn_norm", shape.Width);
        if (biased) yield return Bias(shape, block + "ffn_norm", shape.Width);
        if (shape.Architecture is not ("phi3" or "starcoder")) yield return Matrix(block + "ffn_gate", shape.Width, shape.FeedForward);
        yield return Matrix(block + "ffn_up", shape.Width, up);
        if (biased) yield return Bias(shape, block + "ffn_up", up);
        yield return Matrix(block + "ffn_down", shape.FeedForward, shape.Width);
        if (biased) yield return Bias(shape, block + "ffn_down", shape.Width);
        if (HasPostNorms(shape)) yield return Norm(shape, block + "post_ffw_norm", shape.Width);
    }

    private static bool HasBiases(ModelShape shape) => shape.Architecture == "starcoder";

    private static bool HasPostNorms(ModelShape shape) => shape.Architecture is "gemma2" or "gemma3";

    private static RandomTensor Matrix(string name, int inputs, int outputs) =>
        new(name + ".weight", RandomTensorKind.Matrix, 0, 1 / MathF.Sqrt(inputs), inputs, outputs);

    private static RandomTensor Norm(ModelShape shape, string name, int width) =>
        new(name + ".weight", RandomTensorKind.Floats, 1, shape.NormNoise, width);

    private static RandomTensor Bias(ModelShape shape, string name, int outputs) =>
        new(name + ".bias", RandomTensorKind.Floats, 0, shape.BiasNoise, outputs);
}
