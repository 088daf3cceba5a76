namespace Coppice.Model;

/// <summary>What a random model's tensor holds.</summary>
internal enum RandomTensorRole
{
    /// <summary>A matrix, in the type asked for.</summary>
    Matrix,

    /// <summary>Learned positions: a matrix in F32.</summary>
    Positions,

    /// <summary>A norm's weights: F32, around 1.</summary>
    Norm,

    /// <summary>A bias: F32, around 0.</summary>
    Bias,

    /// <summary>What the rotary frequencies are divided by: F32.</summary>
    RopeDivisors,
}

/// <summary>A tensor of a random model.</summary>
/// <param name="Name">Its name in GGUF.</param>
/// <param name="Role">What it holds.</param>
/// <param name="Dimensions">Its sizes in ggml's order, the row's length first.</param>
internal sealed record RandomTensor(string Name, RandomTensorRole Role, params long[] Dimensions);

/// <summary>Which tensors each architecture has, by the names and shapes that llama.cpp reads (src/llama-arch.cpp, src/models).</summary>
internal static class RandomModelLayout
{
    /// <summary>The tensors in the order in which they are written.</summary>
    public static IEnumerable<RandomTensor> Of(ModelShape shape)
    {
        bool biased = shape.Architecture == "starcoder";
        yield return Matrix("token_embd", shape.Width, shape.Vocabulary);
        if (shape.RopeBase == 0) yield return new("position_embd.weight", RandomTensorRole.Positions, shape.Width, shape.Context);
        if (shape.RopeStretch is not null) yield return new("rope_freqs.weight", RandomTensorRole.RopeDivisors, shape.HeadDim / 2);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            string block = $"blk.{layer}.";
            foreach (RandomTensor tensor in Attention(shape, block)) yield return tensor;
            foreach (RandomTensor tensor in FeedForward(shape, block)) yield return tensor;
        }
        foreach (RandomTensor tensor in Norm("output_norm", shape.Width, biased)) yield return tensor;
        if (!shape.TiedOutput) yield return Matrix("output", shape.Width, shape.Vocabulary);
    }

    private static IEnumerable<RandomTensor> Attention(ModelShape shape, string block)
    {
        int queries = shape.Heads * shape.HeadDim;
        int keys = shape.KvHeads * shape.HeadDim;
        bool biased = shape.Architecture == "starcoder";
        foreach (RandomTensor tensor in Norm(block + "attn_norm", shape.Width, biased)) yield return tensor;
        if (shape.Architecture is "phi3" or "starcoder")
        {
            yield return Matrix(block + "attn_qkv", shape.Width, queries + 2 * keys);
            if (biased) yield return Bias(block + "attn_qkv", queries + 2 * keys);
        }
        else
        {
            foreach ((string name, int rows) in new[] { ("attn_q", queries), ("attn_k", keys), ("attn_v", keys) })
            {
                yield return Matrix(block + name, shape.Width, rows);
                if (shape.Architecture == "qwen2") yield return Bias(block + name, rows);
            }
        }
        if (shape.Architecture is "qwen3" or "gemma3")
        {
            foreach (RandomTensor tensor in Norm(block + "attn_q_norm", shape.HeadDim)) yield return tensor;
            foreach (RandomTensor tensor in Norm(block + "attn_k_norm", shape.HeadDim)) yield return tensor;
        }
        yield return Matrix(block + "attn_output", queries, shape.Width);
        if (biased) yield return Bias(block + "attn_output", shape.Width);
        if (HasPostNorms(shape))
            foreach (RandomTensor tensor in Norm(block + "post_attention_norm", shape.Width)) yield return tensor;
    }

    private static IEnumerable<RandomTensor> FeedForward(ModelShape shape, string block)
    {
        bool biased = shape.Architecture == "starcoder";
        // Phi 3 keeps gate and up in one matrix, gate first.
        int up = shape.Architecture == "phi3" ? 2 * shape.FeedForward : shape.FeedForward;
        foreach (RandomTensor tensor in Norm(block + "ffn_norm", shape.Width, biased)) yield return tensor;
        if (shape.Architecture is not ("phi3" or "starcoder")) yield return Matrix(block + "ffn_gate", shape.Width, shape.FeedForward);
        yield return Matrix(block + "ffn_up", shape.Width, up);
        if (biased) yield return Bias(block + "ffn_up", up);
        yield return Matrix(block + "ffn_down", shape.FeedForward, shape.Width);
        if (biased) yield return Bias(block + "ffn_down", shape.Width);
        if (HasPostNorms(shape))
            foreach (RandomTensor tensor in Norm(block + "post_ffw_norm", shape.Width)) yield return tensor;
    }

    private static bool HasPostNorms(ModelShape shape) => shape.Architecture is "gemma2" or "gemma3";

    private static RandomTensor Matrix(string name, int inputs, int outputs) => new(name + ".weight", RandomTensorRole.Matrix, inputs, outputs);

    private static RandomTensor Bias(string name, int outputs) => new(name + ".bias", RandomTensorRole.Bias, outputs);

    private static IEnumerable<RandomTensor> Norm(string name, int width, bool biased = false)
    {
        yield return new RandomTensor(name + ".weight", RandomTensorRole.Norm, width);
        if (biased) yield return Bias(name, width);
    }
}
