using System.Numerics.Tensors;
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
    /// <param name="cache">How it stores keys and values; a quantized type goes with its flash attention alone.</param>
    /// <returns>Logits [tokens][vocabulary].</returns>
    public static float[][] Logits(string path, ReadOnlySpan<int> tokens, int threads = 2, TensorType cache = TensorType.F32)
    {
        using LlamaCppModel model = LlamaCppModel.Load(path, new LlamaCppModelOptions { Repack = false });
        using var context = new LlamaCppContext(model, new LlamaCppContextOptions
        {
            ContextTokens = tokens.Length,
            BatchTokens = tokens.Length,
            MicroBatchTokens = Math.Min(tokens.Length, 512),
            Threads = threads,
            FlashAttention = TensorTypes.BlockSize(cache) > 1,
            KeyType = cache,
            ValueType = cache,
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

/// <summary>How far two sets of logits [rows][vocabulary] lie apart.</summary>
/// <param name="Largest">The largest absolute difference.</param>
/// <param name="RelativeRms">Root mean square difference over the root mean square of the expected logits around their mean in each row.</param>
/// <param name="Disagreements">Rows whose best tokens differ.</param>
internal readonly record struct LogitsDifference(float Largest, double RelativeRms, int Disagreements)
{
    /// <summary>Compares row by row.</summary>
    /// <param name="expected">The oracle's logits [rows][vocabulary].</param>
    /// <param name="actual">Logits of the same shape.</param>
    public static LogitsDifference Between(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = 0;
        double squares = 0;
        double variance = 0;
        int disagreements = 0;
        for (int row = 0; row < expected.Length; row++)
        {
            Assert.Equal(expected[row].Length, actual[row].Length);
            float[] difference = new float[expected[row].Length];
            TensorPrimitives.Subtract(expected[row], actual[row], difference);
            Assert.DoesNotContain(difference, float.IsNaN);
            largest = MathF.Max(largest, MathF.Abs(TensorPrimitives.MaxMagnitude<float>(difference)));
            squares += TensorPrimitives.SumOfSquares<float>(difference);
            double mean = (double)TensorPrimitives.Sum<float>(expected[row]) / difference.Length;
            foreach (float logit in expected[row]) variance += (logit - mean) * (logit - mean);
            if (TensorPrimitives.IndexOfMax<float>(expected[row]) != TensorPrimitives.IndexOfMax<float>(actual[row])) disagreements++;
        }

        return new LogitsDifference(largest, Math.Sqrt(squares / variance), disagreements);
    }
}
