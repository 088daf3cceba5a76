namespace Coppice.Kernels.Attention;

/// <summary>How a key or value element is stored.</summary>
public enum KvType
{
    /// <summary>16-bit float; what is out of its range is stored as its largest finite value.</summary>
    F16,

    /// <summary>32-bit float.</summary>
    F32,
}

/// <summary>What a <see cref="KvType"/> takes.</summary>
public static class KvTypes
{
    /// <summary>Bytes of some elements.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="elements">How many; a multiple of the type's block.</param>
    public static long Bytes(this KvType type, long elements) => type switch
    {
        KvType.F16 => elements * sizeof(ushort),
        KvType.F32 => elements * sizeof(float),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such type"),
    };
}
