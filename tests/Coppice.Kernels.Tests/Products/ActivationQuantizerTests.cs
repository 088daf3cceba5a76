using Coppice.Kernels.Products;
using Xunit;

namespace Coppice.Kernels.Tests.Products;

/// <summary>The blocks of every path have the scalar path's bytes, whatever stands beside them.</summary>
public sealed unsafe class ActivationQuantizerTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(3, 5)]
    [InlineData(7, 11)]
    [InlineData(33, 64)]
    public void BlocksAreTheScalarPathsWithOddValuesInAnyOfThem(int rows, int blocksPerRow)
    {
        using var team = new WorkerTeam(2);
        var random = new Random(rows * 100 + blocksPerRow);
        float[] odd = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e-38f, 1e-31f, 3e38f, 0f, 6e-5f * 127, 65504f * 127];
        int count = rows * blocksPerRow * 32;
        using var x = new AlignedBuffer<float>(count);
        for (int i = 0; i < count; i++) x.Span[i] = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-3, 3));
        for (int i = 0; i < count; i += random.Next(16, 200)) x.Span[i] = odd[random.Next(odd.Length)];
        for (int block = 0; block < rows * blocksPerRow; block += random.Next(2, 9))
            x.Slice(block * 32, 32).Fill(random.Next(2) == 0 ? 0f : 1e-35f);

        byte[] expected = Quantize(KernelPath.Scalar, team, x, rows, blocksPerRow);
        foreach (KernelPath path in KernelPaths.Available) Assert.Equal(expected, Quantize(path, team, x, rows, blocksPerRow));
    }

    private static byte[] Quantize(KernelPath path, WorkerTeam team, AlignedBuffer<float> x, int rows, int blocksPerRow)
    {
        int stride = blocksPerRow * Block32.Bytes + 64;
        var blocks = new byte[rows * stride];
        fixed (byte* p = blocks) ActivationQuantizer.Quantize32(path, team, x.Pointer, rows, blocksPerRow, p, stride);
        return blocks;
    }
}
