using System.Numerics.Tensors;
using System.Text.Json;
using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;

namespace Coppice.Oracle.Tests;

/// <summary>The bindings reproduce transcripts that llama.cpp wrote elsewhere: token for token, and the five largest logits of each step.</summary>
public class GoldenTranscriptTests
{
    private const int Prompts = 40;
    private const int Steps = 64;

    // On the kind of CPU that wrote them the logits agree to the five decimals they have; variants for other CPUs add in
    // another order, which Q8_0 amplifies where an activation rounds the other way.
    [Theory]
    [InlineData("f32", 1e-3f)]
    [InlineData("Q8_0", 3e-2f)]
    public void Greedy_text_equals_the_golden_transcript(string format, float tolerance)
    {
        TestInputs.RequireLlamaCpp();
        string golden = TestInputs.Data("stories260K", $"stories260K-{format}.greedy64.jsonl");
        using LlamaCppModel model = LlamaCppModel.Load(TestInputs.Data("stories260K", $"stories260K-{format}.gguf"));
        using var context = new LlamaCppContext(model, new LlamaCppContextOptions { Threads = 1, KeyType = TensorType.F32, ValueType = TensorType.F32 });

        int prompts = 0;
        int decided = 0;
        foreach (string line in File.ReadLines(golden))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            decided += Replay(context, document.RootElement, tolerance);
            prompts++;
        }

        Assert.Equal(Prompts, prompts);
        Assert.InRange(decided, Prompts * Steps * 9 / 10, Prompts * Steps);
    }

    /// <summary>Runs one prompt along its golden tokens; returns in how many steps the margin between the two best decides.</summary>
    private static int Replay(LlamaCppContext context, JsonElement golden, float tolerance)
    {
        int[] prompt = Integers(golden.GetProperty("prompt_tokens"));
        int[] expected = Integers(golden.GetProperty("tokens"));
        int[] positions = [.. Enumerable.Range(0, prompt.Length)];
        bool[] outputs = [.. positions.Select(position => position == prompt.Length - 1)];
        context.MemoryClear();
        context.Decode(prompt, positions, new int[prompt.Length], outputs);
        ReadOnlySpan<float> logits = context.Logits(prompt.Length - 1);
        int decided = 0;
        for (int step = 0; step < expected.Length; step++)
        {
            JsonElement top = golden.GetProperty("top5")[step];
            for (int rank = 0; rank < top.GetArrayLength(); rank++)
                Assert.Equal(top[rank][1].GetSingle(), logits[top[rank][0].GetInt32()], tolerance);
            if (top[0][1].GetSingle() - top[1][1].GetSingle() > 2 * tolerance)
            {
                Assert.Equal(expected[step], TensorPrimitives.IndexOfMax(logits));
                decided++;
            }

            if (step == expected.Length - 1) break;
            context.Decode([expected[step]], [prompt.Length + step], [0], [true]);
            logits = context.Logits(0);
        }

        return decided;
    }

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];
}
