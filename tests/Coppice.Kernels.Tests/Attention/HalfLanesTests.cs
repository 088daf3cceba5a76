using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Tests.Attention;

public sealed unsafe class HalfLanesTests
{
    public static TheoryData<KernelPath> Paths => [.. KernelPaths.Available];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Widening_is_exact_for_every_number(KernelPath path)
    {
        var narrow = new ushort[65536];
        var wide = new float[65536];
        for (int i = 0; i < narrow.Length; i++) narrow[i] = (ushort)i;
        fixed (ushort* source = narrow)
        fixed (float* target = wide)
        {
            if (path == KernelPath.Avx512) Avx512TileMath.LoadValues(KvType.F16, (byte*)source, wide.Length, target);
            else if (path == KernelPath.Avx2) Avx2TileMath.LoadValues(KvType.F16, (byte*)source, wide.Length, target);
            else ScalarTileMath.LoadValues(KvType.F16, (byte*)source, wide.Length, target);
        }

        for (int i = 0; i < wide.Length; i++)
        {
            var expected = (float)BitConverter.UInt16BitsToHalf((ushort)i);
            if (float.IsNaN(expected)) Assert.True(float.IsNaN(wide[i]), $"0x{i:X4}");
            else Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(wide[i]));
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Narrowing_rounds_to_nearest_even_and_saturates(KernelPath path)
    {
        var numbers = new List<float> { 0f, -0f, 65504f, 65519f, 65520f, 1e10f, float.PositiveInfinity, float.NaN, 5.9604645e-8f, 2.9802322e-8f, 1e-30f };
        for (int i = 0; i < 0x7BFF; i++)
        {
            var low = (float)BitConverter.UInt16BitsToHalf((ushort)i);
            var high = (float)BitConverter.UInt16BitsToHalf((ushort)(i + 1));
            float middle = low + (high - low) / 2;
            numbers.AddRange([low, middle, MathF.BitIncrement(middle), -MathF.BitDecrement(middle)]);
        }

        float[] source = [.. numbers];
        var target = new ushort[source.Length];
        fixed (float* s = source)
        fixed (ushort* t = target)
        {
            HalfLanes.Narrow(path, s, t, source.Length);
        }

        for (int i = 0; i < source.Length; i++)
        {
            var expected = (Half)Math.Clamp(source[i], -65504f, 65504f);
            if (float.IsNaN(source[i])) Assert.True(Half.IsNaN(BitConverter.UInt16BitsToHalf(target[i])));
            else Assert.Equal(BitConverter.HalfToUInt16Bits(expected), target[i]);
        }
    }
}
