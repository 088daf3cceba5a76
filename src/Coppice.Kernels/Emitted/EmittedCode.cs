using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Whether machine code that this library writes itself may run: 512-bit <c>vpdpbusd</c> (AVX512_VNNI), which .NET does not
/// expose, doubles the arithmetic of the 256-bit form that it does expose.
/// </summary>
internal static class EmittedCode
{
    /// <summary>The environment variable that forbids emitted code when it is <c>0</c>.</summary>
    public const string EnvironmentVariable = "COPPICE_EMIT";

    private const int ExtendedFeatures = 7;
    private const int VnniBit = 1 << 11;

    /// <summary>Whether the processor, the operating system and the environment allow it.</summary>
    public static bool IsAvailable { get; }
        = Allowed(Environment.GetEnvironmentVariable(EnvironmentVariable)) && ExecutableMemory.Supported && HasVnni512();

    /// <summary>Whether a value of <see cref="EnvironmentVariable"/> leaves emitted code on.</summary>
    public static bool Allowed(string? value) => value != "0";

    // .NET reports AVX-512 only where the operating system keeps its registers.
    private static bool HasVnni512()
    {
        if (!Avx512F.IsSupported || !Avx512BW.IsSupported || !Avx512DQ.IsSupported || !Avx512F.VL.IsSupported) return false;
        if (X86Base.CpuId(0, 0).Eax < ExtendedFeatures) return false;
        return (X86Base.CpuId(ExtendedFeatures, 0).Ecx & VnniBit) != 0;
    }
}
