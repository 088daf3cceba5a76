using System.Text.Json;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Sampling;
using Coppice.Tests.ModelFiles;
using Coppice.Tests.Shared;

namespace Coppice.Tests.Engines;

/// <summary>Greedy text of a real trained model, token for token as llama.cpp wrote it down.</summary>
public sealed class GoldenTests
{
    // Two tokens closer than this may change places: sums are taken in another order.
    private const double Margin = 2e-2;

    // With quantized activations a rounding that falls to the other side moves a whole code, and this small model's logits with it.
    private const double MarginQ8 = 0.3, MarginQ8WithHalfKeys = 0.6;

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
    public async Task F32_model_writes_the_golden_text(KernelPath path, KvType kv)
    {
        using var engine = Engine.Load(
            SharedData.Stories("f32"), new EngineOptions { Kernels = path, KvType = kv, Threads = 2, ContextLength = 512 });
        int compared = 0, possible = 0;
        foreach (Golden golden in Goldens("f32", path))
        {
            Assert.Equal(golden.Prompt, engine.Tokenizer.Encode(golden.Text));
            GenerationResult result = await engine.GenerateAsync(new GenerationRequest(golden.Prompt)
            {
                MaxTokens = golden.Tokens.Length, IgnoreEnd = true, Sampling = new SamplingOptions { Temperature = 0 },
            });
            IReadOnlyList<int> found = result.Choices[0].TokenIds;
            possible += golden.Tokens.Length;
            for (int i = 0; i < golden.Tokens.Length; i++)
            {
                if (found[i] != golden.Tokens[i])
                {
                    Assert.True(golden.Margins[i] < Margin, $"'{golden.Text}', token {i}: margin {golden.Margins[i]}");
                    break; // after an allowed difference the texts go their own ways
                }

                compared++;
            }
        }

        Assert.True(compared >= 0.9 * possible, $"only {compared} of {possible} tokens were compared");
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Q8_0_model_chooses_the_golden_token_after_each_golden_prefix(KernelPath path, KvType kv)
    {
        using var run = new DecoderRun(SharedData.Stories("Q8_0"), kv, path);
        int equal = 0, possible = 0;
        foreach (Golden golden in Goldens("Q8_0", path))
        {
            float[][] logits = run.Logits([.. golden.Prompt, .. golden.Tokens[..^1]]);
            for (int i = 0; i < golden.Tokens.Length; i++, possible++)
            {
                float[] after = logits[golden.Prompt.Length - 1 + i];
                int best = Array.IndexOf(after, after.Max());
                if (best == golden.Tokens[i]) equal++;
                else Assert.True(golden.Margins[i] < (kv == KvType.F32 ? MarginQ8 : MarginQ8WithHalfKeys), $"'{golden.Text}', token {i}: {best} instead of {golden.Tokens[i]}, margin {golden.Margins[i]}");
            }
        }

        Assert.True(equal >= 0.97 * possible, $"only {equal} of {possible} tokens are equal");
    }

    private static IEnumerable<Golden> Goldens(string format, KernelPath path)
    {
        string file = SharedData.File($"stories260K/stories260K-{format}.greedy64.jsonl");
        // The specification is slow: a few prompts do for it, as all paths have equal bits.
        foreach (string line in File.ReadLines(file).Take(path == KernelPath.Scalar ? 3 : 40))
        {
            using JsonDocument golden = JsonDocument.Parse(line);
            JsonElement root = golden.RootElement;
            yield return new Golden(
                root.GetProperty("prompt").GetString()!,
                [.. root.GetProperty("prompt_tokens").EnumerateArray().Select(e => e.GetInt32())],
                [.. root.GetProperty("tokens").EnumerateArray().Select(e => e.GetInt32())],
                [.. root.GetProperty("top5").EnumerateArray().Select(top => top[0][1].GetDouble() - top[1][1].GetDouble())]);
        }
    }

    private sealed record Golden(string Text, int[] Prompt, int[] Tokens, double[] Margins);
}
