using System.Text.Json;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Tests.Engines;

/// <summary>Greedy text of a real trained model, token for token as llama.cpp wrote it down.</summary>
public sealed class GoldenTests
{
    // Two tokens closer than this may change places: llama.cpp keeps other roundings (F16 keys and values, Q8 activations).
    private const double MarginF32 = 2e-2;
    private const double MarginQ8 = 2e-1;

    public static TheoryData<KernelPath, KvType> Paths()
    {
        var data = new TheoryData<KernelPath, KvType>();
        foreach (KernelPath path in KernelPaths.Available)
        {
            data.Add(path, KvType.F16);
            if (path == KernelPaths.Best) data.Add(path, KvType.F32);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public Task F32_model_writes_the_golden_text(KernelPath path, KvType kv) => Check("f32", MarginF32, path, kv);

    [Theory]
    [MemberData(nameof(Paths))]
    public Task Q8_0_model_writes_the_golden_text(KernelPath path, KvType kv) => Check("Q8_0", MarginQ8, path, kv);

    private static async Task Check(string format, double tolerance, KernelPath path, KvType kv)
    {
        string goldens = TestData.Path($"stories260K/stories260K-{format}.greedy64.jsonl");
        using var engine = Engine.Load(TestData.Stories(format), new EngineOptions { Kernels = path, KvType = kv, Threads = 2, ContextLength = 512 });
        int compared = 0, possible = 0;
        // The specification is slow: a few prompts do for it, as all paths have equal bits.
        foreach (string line in (await File.ReadAllLinesAsync(goldens)).Take(path == KernelPath.Scalar ? 4 : 40))
        {
            using JsonDocument golden = JsonDocument.Parse(line);
            JsonElement root = golden.RootElement;
            int[] prompt = [.. root.GetProperty("prompt_tokens").EnumerateArray().Select(e => e.GetInt32())];
            int[] expected = [.. root.GetProperty("tokens").EnumerateArray().Select(e => e.GetInt32())];
            Assert.Equal(prompt, engine.Tokenizer.Encode(root.GetProperty("prompt").GetString()!));

            GenerationResult result = await engine.GenerateAsync(new GenerationRequest(prompt)
            {
                MaxTokens = expected.Length, IgnoreEnd = true, Sampling = new SamplingOptions { Temperature = 0 },
            });
            possible += expected.Length;
            IReadOnlyList<int> found = result.Choices[0].TokenIds;
            for (int i = 0; i < expected.Length; i++)
            {
                JsonElement top = root.GetProperty("top5")[i];
                double margin = top[0][1].GetDouble() - top[1][1].GetDouble();
                if (found[i] != expected[i])
                {
                    Assert.True(margin < tolerance, $"prompt {root.GetProperty("i")}, token {i}: expected {expected[i]}, found {found[i]}, margin {margin}");
                    break; // after an allowed difference the texts go their own ways
                }

                compared++;
            }
        }

        Assert.True(compared >= 0.9 * possible, $"only {compared} of {possible} tokens were compared");
    }
}
