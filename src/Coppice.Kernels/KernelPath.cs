using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels;

/// <summary>The instruction sets a kernel can be written for. Every kernel has a scalar twin, which is its specification.</summary>
public enum KernelPath
{
    /// <summary>Plain C#: the specification of every kernel, on any processor.</summary>
    Scalar,

    /// <summary>256-bit AVX2 with FMA.</summary>
    Avx2,

    /// <summary>512-bit AVX-512 F, BW, DQ and VL.</summary>
    Avx512,
}

/// <summary>Which <see cref="KernelPath"/>s this processor has, and which one to take.</summary>
public static class KernelPaths
{
    /// <summary>The environment variable that forces a path: <c>scalar</c>, <c>avx2</c> or <c>avx512</c>.</summary>
    public const string EnvironmentVariable = "COPPICE_KERNELS";

    /// <summary>The paths this processor can run, slowest first.</summary>
    public static IReadOnlyList<KernelPath> Available { get; } = Detect();

    /// <summary>The fastest path this processor can run.</summary>
    public static KernelPath Best => Available[^1];

    /// <summary>The path named by <see cref="EnvironmentVariable"/>, or <see cref="Best"/> where it is not set.</summary>
    /// <exception cref="PlatformNotSupportedException">The variable names no path, or one this processor lacks.</exception>
    public static KernelPath FromEnvironment()
    {
        string? name = Environment.GetEnvironmentVariable(EnvironmentVariable);
        if (string.IsNullOrEmpty(name)) return Best;
        KernelPath path = name.ToUpperInvariant() switch
        {
            "SCALAR" => KernelPath.Scalar,
            "AVX2" => KernelPath.Avx2,
            "AVX512" => KernelPath.Avx512,
            _ => throw new PlatformNotSupportedException(
                $"{EnvironmentVariable}: expected scalar, avx2 or avx512, found '{name}'"),
        };
        if (!Available.Contains(path))
            throw new PlatformNotSupportedException($"{EnvironmentVariable}: this processor has no {name}");
        return path;
    }

    private static KernelPath[] Detect()
    {
        var paths = new List<KernelPath> { KernelPath.Scalar };
        if (Avx2.IsSupported && Fma.IsSupported) paths.Add(KernelPath.Avx2);
        if (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported)
            paths.Add(KernelPath.Avx512);
        return [.. paths];
    }
}
