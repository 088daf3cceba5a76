using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;
using Coppice.Kernels.Tests.Elementwise;

namespace Coppice.Kernels.Tests.Products;

public sealed class PanelPackerTests
{
    private static readonly int[] OutputCounts = [1, 15, 16, 17, 31, 32, 33, 48, 65];

    public static TheoryData<TensorType> Types => [.. TensorTypes.Supported];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_path_packs_the_scalar_bytes(TensorType type)
    {
        using var team = new WorkerTeam(2);
        foreach (int inputs in InputCounts(type))
        {
            foreach (int outputs in OutputCounts)
            {
                byte[] expected = Pack(KernelPath.Scalar, type, outputs, inputs, team);
                foreach (KernelPath path in KernelPaths.Available)
                    Assert.True(expected.AsSpan().SequenceEqual(Pack(path, type, outputs, inputs, team)), $"{path} [{outputs}, {inputs}]");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public unsafe void A_stretch_of_a_panel_has_the_bytes_of_the_whole(TensorType type)
    {
        int lanes = new PanelPacker(KernelPath.Scalar, type).Lanes, inputs = InputCounts(type)[^1];
        byte[] blocks = AnyBlocks(type, lanes * inputs, seed: 4);
        using var rows = new AlignedBuffer<byte>(blocks.Length);
        blocks.CopyTo(rows.Span);
        foreach (KernelPath path in KernelPaths.Available)
        {
            var source = new PanelSource(path, type, lanes, inputs, rows.Pointer, null);
            byte[] whole = new byte[source.PanelBytes], part = new byte[source.PanelBytes];
            fixed (byte* w = whole, p = part)
            {
                source.Pack(0, 0, source.StepCount, w);
                int some = TensorTypes.BlockSize(type) == 1 ? 33 : 3;
                for (int first = 0; first < source.StepCount; first += some)
                    source.Pack(0, first, Math.Min(some, source.StepCount - first), p + (first * source.StepBytes));
            }

            Assert.Equal(whole, part);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public unsafe void Nothing_is_read_or_written_past_the_operands(TensorType type)
    {
        foreach (int inputs in InputCounts(type))
        {
            foreach (KernelPath path in KernelPaths.Available)
            {
                var packer = new PanelPacker(path, type);
                foreach (int lanes in new[] { packer.Lanes - 2, packer.Lanes })
                {
                    byte[] blocks = AnyBlocks(type, lanes * inputs, seed: 5);
                    if (blocks.Length % sizeof(float) != 0) continue;
                    int steps = inputs / TensorTypes.BlockSize(type);
                    using var rows = new GuardedFloats(MemoryMarshal.Cast<byte, float>(blocks));
                    using var target = new GuardedFloats(new float[steps * packer.StepBytes / sizeof(float)]);
                    byte[] expected = new byte[steps * packer.StepBytes];
                    fixed (float* r = rows.Span, t = target.Span)
                    fixed (byte* e = expected)
                    {
                        packer.Pack((byte*)r, blocks.Length / lanes, lanes, steps, (byte*)t, (byte*)r);
                        new PanelPacker(KernelPath.Scalar, type).Pack((byte*)r, blocks.Length / lanes, lanes, steps, e, (byte*)r);
                    }

                    Assert.True(expected.AsSpan().SequenceEqual(MemoryMarshal.AsBytes(target.Span)), $"{path}, {lanes} lanes, {inputs} inputs");
                }
            }
        }
    }

    [Theory]
    [InlineData(0x7C00, true)]
    [InlineData(0xFC00, true)]
    [InlineData(0x7E01, true)]
    [InlineData(0x7BFF, false)]
    [InlineData(0x83FF, false)]
    public unsafe void An_exponent_of_31_is_found_at_every_place(int half, bool found)
    {
        var halves = new ushort[37];
        for (int at = 0; at < halves.Length; at++)
        {
            halves[at] = (ushort)half;
            fixed (ushort* p = halves) Assert.Equal(found, PanelPacker.HasExponent31(p, halves.Length));
            halves[at] = 0;
        }
    }

    private static unsafe byte[] Pack(KernelPath path, TensorType type, int outputs, int inputs, WorkerTeam team)
    {
        byte[] blocks = AnyBlocks(type, outputs * inputs, seed: outputs + inputs);
        using var rows = new AlignedBuffer<byte>(blocks.Length);
        blocks.CopyTo(rows.Span);
        using var weights = WeightMatrix.Pack(type, outputs, inputs, NativeBytes.Of(rows), team, path);
        return new ReadOnlySpan<byte>(weights.Data, (int)weights.Bytes).ToArray();
    }

    /// <summary>Any bits at all.</summary>
    private static byte[] AnyBlocks(TensorType type, int elements, int seed)
    {
        var blocks = new byte[TensorTypes.Bytes(type, elements)];
        new Random(seed).NextBytes(blocks);
        return blocks;
    }

    private static int[] InputCounts(TensorType type) => TensorTypes.BlockSize(type) switch
    {
        1 => [1, 2, 32, 47, 300],
        32 => [32, 64, 1120],
        _ => [256, 1280],
    };
}
