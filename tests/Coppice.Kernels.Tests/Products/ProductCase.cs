using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Tests.Products;

/// <summary>Operands of products and the product in double precision to hold results against.</summary>
internal static class ProductCase
{
    private const int Margin = 32;
    private const float Untouched = -1.25e30f;

    public static WeightMatrix RandomWeights(TensorType type, int outputs, int inputs, WorkerTeam team, int seed)
        => Pack(type, outputs, inputs, RandomBlocks(type, outputs * inputs, seed), team);

    public static WeightMatrix Pack(TensorType type, int outputs, int inputs, byte[] blocks, WorkerTeam team)
    {
        using var rows = new AlignedBuffer<byte>(blocks.Length);
        blocks.CopyTo(rows.Span);
        return WeightMatrix.Pack(type, outputs, inputs, NativeBytes.Of(rows), team);
    }

    /// <summary>Blocks of random bits, with random small scales of both signs; floats are random numbers.</summary>
    public static byte[] RandomBlocks(TensorType type, int elements, int seed)
    {
        var random = new Random(seed);
        var blocks = new byte[TensorTypes.Bytes(type, elements)];
        if (TensorTypes.BlockSize(type) == 1)
        {
            var values = new float[elements];
            foreach (ref float v in values.AsSpan()) v = (float)(random.NextDouble() - 0.5);
            BlockCodec.Encode(type, values, blocks);
            return blocks;
        }

        random.NextBytes(blocks);
        SetScales(type, blocks, () => (Half)((random.NextDouble() - 0.5) / 64));
        return blocks;
    }

    /// <summary>Blocks of one byte repeated, with scales of 1 / 64; floats are the number 2.</summary>
    public static byte[] FilledBlocks(TensorType type, int elements, byte fill)
    {
        var blocks = new byte[TensorTypes.Bytes(type, elements)];
        if (TensorTypes.BlockSize(type) == 1) BlockCodec.Encode(type, Enumerable.Repeat(2f, elements).ToArray(), blocks);
        else blocks.AsSpan().Fill(fill);
        SetScales(type, blocks, () => (Half)(1.0 / 64));
        return blocks;
    }

    public static float[] RandomRows(int rows, int inputs, int seed)
    {
        var random = new Random(seed);
        return Rows(rows, inputs, _ => (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-8, 3))));
    }

    public static float[] Rows(int rows, int inputs, Func<int, float> value)
        => [.. Enumerable.Range(0, rows * inputs).Select(value)];

    /// <summary>The product; checks that it writes all of its result and nothing around it.</summary>
    public static float[] Multiply(KernelPath path, bool vnni, WorkerTeam team, WeightMatrix weights, float[] x)
    {
        int rows = x.Length / weights.Inputs;
        using var operand = new ActivationRows(rows, weights.Inputs);
        operand.Load(x, rows, weights.Inputs);
        var around = new float[(rows * weights.Outputs) + (2 * Margin)];
        around.AsSpan().Fill(Untouched);
        MatrixProduct.Multiply(path, vnni, team, weights, operand, around.AsSpan()[Margin..^Margin]);
        Assert.Equal(2 * Margin, around.Count(v => v == Untouched));
        return around[Margin..^Margin];
    }

    public static void AssertBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
        => Assert.True(MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(actual)), "bits differ");

    /// <summary>
    /// Each result is within the rounding of single precision (half a unit per operation: 2^-23 of the sum of magnitudes for each
    /// of the chained additions) of the double product with the rows as they are quantized.
    /// </summary>
    public static void AssertNear(TensorType type, byte[] blocks, float[] x, int inputs, float[] y)
    {
        int rows = x.Length / inputs, outputs = y.Length / rows;
        var w = new float[outputs * inputs];
        BlockCodec.Decode(type, blocks, w);
        double[] q = Quantized(type, x, out double[] sumErrors);
        // Float operations that a weight's product takes part in: one a scale, and a few around them.
        double chain = Math.Max(1, TensorTypes.BlockSize(type) == 1 ? inputs : (inputs / 16) + 16);
        for (int row = 0; row < rows; row++)
        {
            for (int output = 0; output < outputs; output++)
            {
                double sum = 0, magnitude = 0;
                for (int i = 0; i < inputs; i++)
                {
                    double product = (double)w[(output * inputs) + i] * q[(row * inputs) + i];
                    sum += product;
                    magnitude += Math.Abs(product);
                }

                if (type is TensorType.Q4_1 or TensorType.Q5_1) sum += MinimumErrors(type, blocks, inputs, output, sumErrors.AsSpan(row * inputs / 32));

                double allowed = 1e-30 + (Math.Pow(2, -23) * chain * magnitude);
                Assert.True(Math.Abs(y[(row * outputs) + output] - sum) <= allowed, $"[{row}, {output}]: {y[(row * outputs) + output]} instead of {sum}");
            }
        }
    }

    /// <summary>
    /// Rows as the products see them. Blocks of 32 keep their scale, and the sum that meets a minimum, as F16 (where that is a normal
    /// number), as ggml's Q8_0 and Q8_1 do; sumErrors is, a block, what the rounding of the sum adds to it.
    /// </summary>
    private static double[] Quantized(TensorType type, float[] x, out double[] sumErrors)
    {
        int block = TensorTypes.BlockSize(type);
        sumErrors = new double[x.Length / 32 + 1];
        if (block == 1) return [.. x.Select(v => type switch
        {
            TensorType.F16 => (double)(Half)v,
            TensorType.BF16 => RoundedTo16(v),
            _ => v,
        })];
        var q = new double[x.Length];
        for (int start = 0; start < x.Length; start += block)
        {
            float largest = x[start..(start + block)].Max(MathF.Abs);
            if (largest == 0) continue;
            float scale = largest / 127;
            float kept = block == 32 && scale >= 6.1035156e-5f ? (float)(Half)scale : scale;
            int codes = 0;
            for (int i = start; i < start + block; i++)
            {
                int code = (int)Math.Round(x[i] * (127 / largest), MidpointRounding.ToEven);
                q[i] = (double)kept * code;
                codes += code;
            }

            float sum = scale * codes;
            float keptSum = MathF.Abs(sum) >= 6.1035156e-5f ? (float)(Half)sum : sum;
            if (block == 32) sumErrors[start / 32] = keptSum - ((double)kept * codes);
        }

        return q;
    }

    private static double RoundedTo16(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return BitConverter.Int32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF);
    }

    private static double MinimumErrors(TensorType type, byte[] blocks, int inputs, int output, ReadOnlySpan<double> sumErrors)
    {
        int bytes = TensorTypes.BlockBytes(type);
        double error = 0;
        for (int b = 0; b < inputs / 32; b++)
            error += (double)BitConverter.ToHalf(blocks, (((output * (inputs / 32)) + b) * bytes) + 2) * sumErrors[b];
        return error;
    }

    public static void SetScales(TensorType type, byte[] blocks, Func<Half> scale)
    {
        int[] at = type switch
        {
            TensorType.Q8_0 or TensorType.Q4_0 or TensorType.Q5_0 => [0],
            TensorType.Q4_1 or TensorType.Q5_1 or TensorType.Q4_K or TensorType.Q5_K => [0, 2],
            TensorType.Q2_K => [80, 82],
            TensorType.Q3_K => [108],
            TensorType.Q6_K => [208],
            _ => [],
        };
        int bytes = TensorTypes.BlockBytes(type);
        for (int start = 0; start < blocks.Length; start += bytes)
            foreach (int offset in at) BitConverter.TryWriteBytes(blocks.AsSpan(start + offset), scale());
    }
}
