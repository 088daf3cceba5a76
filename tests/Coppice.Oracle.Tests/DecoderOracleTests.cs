using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Tests.Shared;

namespace Coppice.Oracle.Tests;

/// <summary>
/// The oracle law: on the same file, logits agree with llama.cpp's, for every architecture and weight format.
/// The measure is the root mean square of the difference over the root mean square of the logits, over all positions.
/// </summary>
public sealed class DecoderOracleTests
{
    // F32 differs by the order of sums alone; architectures with a GELU by llama.cpp's table of it in F16. F16 and BF16 weights:
    // llama.cpp rounds the activations to 16 bits as well, which we do not. Quantized weights: both round activations to 8 bits
    // before a product; one that falls to the other side moves by a whole code, and random weights pass that on undamped.
    private const double Exact = 1e-5;
    private const double WithGelu = 1e-3;
    private const double HalfWeights = 1e-2;
    private const double Quantized = 2.5e-2;

    // llama.cpp rounds the queries to 8 bits as well and adds values up in 16 bits.
    private const double QuantizedCache = 2.5e-2;

    private static readonly string[] Architectures =
        ["tiny", "tiny-llama3", "tiny-mistral", "tiny-qwen2", "tiny-qwen3", "tiny-phi3", "tiny-gemma2", "tiny-gemma3", "tiny-starcoder"];

    public static TheoryData<string> EveryArchitecture() => [.. Architectures];

    public static TheoryData<TensorType> EveryType() => [.. TensorTypes.Supported];

    [Theory]
    [MemberData(nameof(EveryArchitecture))]
    public void Every_architecture_agrees_in_f32(string shape) => Compare(
        shape, TensorType.F32, shape is "tiny-gemma2" or "tiny-gemma3" or "tiny-starcoder" ? WithGelu : Exact);

    [Theory]
    [MemberData(nameof(EveryArchitecture))]
    public void Every_architecture_agrees_in_q8_0(string shape) => Compare(shape, TensorType.Q8_0, Quantized);

    [Theory]
    [MemberData(nameof(EveryType))]
    public void Every_weight_format_agrees(TensorType type) => Compare("tiny", type, type switch
    {
        TensorType.F32 => Exact,
        TensorType.F16 or TensorType.BF16 => HalfWeights,
        _ => Quantized,
    });

    [Theory]
    [InlineData("tiny")]
    [InlineData("tiny-qwen3")]
    [InlineData("tiny-starcoder")]
    public void Quantized_keys_and_values_agree(string shape) => Compare(shape, TensorType.F32, QuantizedCache, KvType.Q8_0);

    [Theory]
    [InlineData("f32")]
    [InlineData("F16")]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    public void A_trained_model_agrees(string format)
    {
        TestInputs.RequireLlamaCpp();
        string path = TestInputs.Data("stories260K", $"stories260K-{format}.gguf");
        int[] tokens = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410];
        float[][] expected = OracleComparison.Logits(path, tokens, threads: 1);
        float[][] found = Logits(path, tokens);
        LogitsDifference d = LogitsDifference.Between(expected, found);
        Assert.True(d.RelativeRms <= (format == "F16" ? 1e-3 : 1e-5), $"{format}: {d}");
        Assert.Equal(0, d.Disagreements);
    }

    private static void Compare(string shape, TensorType type, double tolerance, KvType kv = KvType.F32)
    {
        TestInputs.RequireLlamaCpp();
        string path = Path.Combine(Path.GetTempPath(), $"coppice-{shape}-{type}-{Guid.NewGuid():N}.gguf");
        try
        {
            RandomModel.Write(ModelShapes.Find(shape)!, type, path, seed: 3);
            var random = new Random(5);
            // llama.cpp does not use the window of a Mistral file (it knows the architecture as llama): compare where it hides nothing.
            int count = shape == "tiny-mistral" ? ModelShapes.Find(shape)!.Window : 100;
            int[] tokens = [1, .. Enumerable.Range(1, count - 1).Select(_ => random.Next(3, 500))];
            float[][] expected = OracleComparison.Logits(path, tokens, threads: 1, kv == KvType.Q8_0 ? TensorType.Q8_0 : TensorType.F32);
            float[][] found = Logits(path, tokens, kv);
            double relative = LogitsDifference.Between(expected, found).RelativeRms;
            Assert.True(relative <= tolerance, $"{shape} {type}: relative RMS difference {relative:g3}, tolerance {tolerance:g3}");
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static float[][] Logits(string path, int[] tokens, KvType kv = KvType.F32)
    {
        using var run = new DecoderRun(path, kv, KernelPaths.Best);
        return run.Logits(tokens);
    }
}
