using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;

namespace Coppice.Oracle.Tests;

/// <summary>
/// What llama.cpp computes on a file, for comparison with the decoder: keys and values in 32 bits, attention in one piece,
/// no repacked weights, so that what remains between the two is rounding.
/// </summary>
internal static class OracleComparison
{
    /// <summary>llama.cpp's logits after each token of one sequence.</summary>
    /// <param name="path">A GGUF file.</param>
    /// <param name="tokens">Token ids, at positions 0, 1, ...</param>
    /// <param name="threads">Threads llama.cpp uses.</param>
    /// <returns>Logits [tokens][vocabulary].</returns>
    public static float[][] Logits(string path, ReadOnlySpan<int> tokens, int threads = 2)
    {
        using LlamaCppModel model = LlamaCppModel.Load(path, new LlamaCppModelOptions { Repack = false });
        using var context = new LlamaCppContext(model, new LlamaCppContextOptions
        {
            ContextTokens = tokens.Length,
            BatchTokens = tokens.Length,
            MicroBatchTokens = Math.Min(tokens.Length, 512),
            Threads = threads,
            KeyType = TensorType.F32,
            ValueType = TensorType.F32,
        });
        int[] positions = [.. Enumerable.Range(0, tokens.Length)];
        bool[] outputs = new bool[tokens.Length];
        Array.Fill(outputs, true);
        context.Decode(tokens, positions, new int[tokens.Length], outputs);
        float[][] logits = new float[tokens.Length][];
        for (int i = 0; i < logits.Length; i++) logits[i] = context.Logits(i).ToArray();
        return logits;
    }
}
