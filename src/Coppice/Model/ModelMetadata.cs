using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>The keys of a model's file that say its sizes, as llama.cpp reads them for each architecture (src/llama-arch.cpp).</summary>
public static class ModelMetadata
{
    /// <summary>Sets the keys of a model of a shape; name, description and tokenizer are the caller's.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="shape">The model's sizes.</param>
    /// <param name="type">How most matrices are stored.</param>
    public static void SetOn(GgufWriter writer, ModelShape shape, TensorType type)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(shape);
        string architecture = shape.Architecture;
        writer.Set("general.architecture", architecture);
        writer.Set("general.type", "model");
        writer.Set("general.file_type", FileType(type));
        writer.Set("general.quantization_version", 2u);

        writer.Set($"{architecture}.vocab_size", (uint)shape.Vocabulary);
        writer.Set($"{architecture}.context_length", (uint)shape.Context);
        writer.Set($"{architecture}.embedding_length", (uint)shape.Width);
        writer.Set($"{architecture}.block_count", (uint)shape.Layers);
        writer.Set($"{architecture}.feed_forward_length", (uint)shape.FeedForward);
        writer.Set($"{architecture}.attention.head_count", (uint)shape.Heads);
        writer.Set($"{architecture}.attention.head_count_kv", (uint)shape.KvHeads);
        if (shape.Heads * shape.HeadDim != shape.Width || architecture is "qwen3" or "gemma2" or "gemma3")
        {
            writer.Set($"{architecture}.attention.key_length", (uint)shape.HeadDim);
            writer.Set($"{architecture}.attention.value_length", (uint)shape.HeadDim);
        }
        bool meanNorm = architecture == "starcoder";
        writer.Set($"{architecture}.attention.layer_norm_{(meanNorm ? "" : "rms_")}epsilon", shape.NormEpsilon);
        if (shape.RopeBase != 0)
        {
            writer.Set($"{architecture}.rope.freq_base", shape.RopeBase);
            if (architecture is "llama" or "phi3") writer.Set($"{architecture}.rope.dimension_count", (uint)shape.HeadDim);
        }
        if (architecture == "phi3") writer.Set("phi3.rope.scaling.original_context_length", (uint)shape.Context);
        if (shape.Window != 0) writer.Set($"{architecture}.attention.sliding_window", (uint)shape.Window);
        if (shape.AttentionSoftCap != 0) writer.Set($"{architecture}.attn_logit_softcapping", shape.AttentionSoftCap);
        if (shape.OutputSoftCap != 0) writer.Set($"{architecture}.final_logit_softcapping", shape.OutputSoftCap);
    }

    /// <summary>llama.cpp's number for a file whose matrices are mostly of one type (include/llama.h, llama_ftype).</summary>
    private static uint FileType(TensorType type) => type switch
    {
        TensorType.F32 => 0,
        TensorType.F16 => 1,
        TensorType.Q4_0 => 2,
        TensorType.Q4_1 => 3,
        TensorType.Q8_0 => 7,
        TensorType.Q5_0 => 8,
        TensorType.Q5_1 => 9,
        TensorType.Q2_K => 10,
        TensorType.Q3_K => 11,
        TensorType.Q4_K => 14,
        TensorType.Q5_K => 16,
        TensorType.Q6_K => 18,
        TensorType.BF16 => 32,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
