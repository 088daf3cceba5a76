using System.Runtime.InteropServices;
using Coppice.Graphs;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.Training.LanguageModels;

/// <summary>Writes trained weights as a GGUF file that the runtime, llama.cpp and others load.</summary>
public static class LanguageModelFile
{
    /// <summary>Writes a model; the file is there whole or as it was.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="vocabulary">Its tokens.</param>
    /// <param name="weights">Its weights as <see cref="LanguageModelGraph"/> names and stores them.</param>
    /// <param name="type">How matrices are stored; vectors are F32.</param>
    /// <param name="description">What the model is and how it was made, in a sentence.</param>
    /// <exception cref="GraphException">A weight is missing or of another shape.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(
        string path,
        ModelShape shape,
        TrainingVocabulary vocabulary,
        IReadOnlyDictionary<string, TensorData> weights,
        TensorType type,
        string description)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(weights);
        var writer = new GgufWriter();
        writer.Set("general.name", shape.Name);
        writer.Set("general.description", description);
        ModelMetadata.SetOn(writer, shape, type);
        vocabulary.SetOn(writer);
        Embedding(writer, weights, shape, type);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            string prefix = $"blk.{layer}.";
            int queries = shape.Heads * shape.HeadDim, keys = shape.KvHeads * shape.HeadDim;
            Vector(writer, weights, prefix + "attn_norm.weight", shape.Width);
            Matrix(writer, weights, prefix + "attn_q.weight", shape.Width, queries, type);
            Matrix(writer, weights, prefix + "attn_k.weight", shape.Width, keys, type);
            Matrix(writer, weights, prefix + "attn_v.weight", shape.Width, keys, type);
            Matrix(writer, weights, prefix + "attn_output.weight", queries, shape.Width, type);
            Vector(writer, weights, prefix + "ffn_norm.weight", shape.Width);
            Matrix(writer, weights, prefix + "ffn_gate.weight", shape.Width, shape.FeedForward, type);
            Matrix(writer, weights, prefix + "ffn_up.weight", shape.Width, shape.FeedForward, type);
            Matrix(writer, weights, prefix + "ffn_down.weight", shape.FeedForward, shape.Width, type);
        }

        Vector(writer, weights, "output_norm.weight", shape.Width);
        if (!shape.TiedOutput) Matrix(writer, weights, "output.weight", shape.Width, shape.Vocabulary, type);
        writer.Write(path);
    }

    private static ReadOnlySpan<float> Find(IReadOnlyDictionary<string, TensorData> weights, string name, Shape shape)
    {
        if (!weights.TryGetValue(name, out TensorData? data)) throw new GraphException($"weight '{name}' is missing");
        return data.Shape == shape ? data.As<float>() : throw new GraphException($"weight '{name}' is {data.Shape}; expected {shape}");
    }

    private static void Vector(GgufWriter writer, IReadOnlyDictionary<string, TensorData> weights, string name, int length)
    {
        byte[] bytes = MemoryMarshal.AsBytes(Find(weights, name, new(length))).ToArray();
        writer.AddTensor(name, TensorType.F32, [length], bytes);
    }

    /// <summary>The graph has [inputs, outputs]; in the file each output is a row.</summary>
    private static void Matrix(GgufWriter writer, IReadOnlyDictionary<string, TensorData> weights, string name, int inputs, int outputs, TensorType type)
    {
        ReadOnlySpan<float> source = Find(weights, name, new(inputs, outputs));
        var rows = new float[source.Length];
        for (int i = 0; i < inputs; i++)
        {
            for (int o = 0; o < outputs; o++) rows[(o * inputs) + i] = source[(i * outputs) + o];
        }

        Rows(writer, name, rows, inputs, outputs, type);
    }

    private static void Embedding(GgufWriter writer, IReadOnlyDictionary<string, TensorData> weights, ModelShape shape, TensorType type) =>
        Rows(writer, "token_embd.weight", Find(weights, "token_embd.weight", new(shape.Vocabulary, shape.Width)), shape.Width, shape.Vocabulary, type);

    private static void Rows(GgufWriter writer, string name, ReadOnlySpan<float> rows, int length, int count, TensorType type)
    {
        TensorType stored = length % TensorTypes.BlockSize(type) == 0 ? type : TensorType.F16;
        var bytes = new byte[TensorTypes.Bytes(stored, rows.Length)];
        BlockCodec.Encode(stored, rows, bytes);
        writer.AddTensor(name, stored, [length, count], bytes);
    }
}
