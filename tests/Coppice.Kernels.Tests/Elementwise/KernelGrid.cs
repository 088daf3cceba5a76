using System.Runtime.InteropServices;

namespace Coppice.Kernels.Tests.Elementwise;

/// <summary>Lengths, data and comparisons that the elementwise tests share.</summary>
internal static class KernelGrid
{
    public static readonly int[] Lengths = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 257];

    public static float[] Normal(int count, int seed, float scale = 1)
    {
        var random = new Random(seed);
        var values = new float[count];
        foreach (ref float v in values.AsSpan())
            v = scale * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    /// <summary>Equal bits, any NaN being equal to any other.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (float.IsNaN(expected[i]) && float.IsNaN(found[i])) continue;
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(found[i]))
                Assert.Fail($"element {i} of {expected.Length}: expected {expected[i]:g9}, found {found[i]:g9}");
        }
    }

    public static void AssertNear(double expected, float found, double relative, double absolute) =>
        Assert.InRange(Math.Abs(expected - found), 0, absolute + relative * Math.Abs(expected));
}

/// <summary>
/// Floats that end where a page without access begins and start right after another one wherever they fill whole pages: a read
/// or write past the end kills the test process. Elsewhere than on Linux plain memory.
/// </summary>
internal sealed unsafe partial class GuardedFloats : IDisposable
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private readonly nint _map;
    private readonly nuint _mapped;
    private readonly float* _first;
    private readonly int _count;
    private readonly float[]? _plain;

    public GuardedFloats(ReadOnlySpan<float> content)
    {
        _count = content.Length;
        if (!OperatingSystem.IsLinux())
        {
            _plain = content.ToArray();
            return;
        }

        nuint page = (nuint)Environment.SystemPageSize;
        nuint inside = ((nuint)_count * sizeof(float) + page - 1) / page * page;
        _mapped = inside + 2 * page;
        _map = Map(0, _mapped, ReadWrite, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, _map);
        Assert.Equal(0, Protect(_map, page, 0));
        Assert.Equal(0, Protect(_map + (nint)(page + inside), page, 0));
        _first = (float*)(_map + (nint)(page + inside)) - _count;
        content.CopyTo(Span);
    }

    public Span<float> Span => _plain ?? new Span<float>(_first, _count);

    public void Dispose()
    {
        if (_map != 0) _ = Unmap(_map, _mapped);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
