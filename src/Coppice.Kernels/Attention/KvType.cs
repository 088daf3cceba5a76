namespace Coppice.Kernels.Attention;

/// <summary>How a key or value element is stored.</summary>
public enum KvType
{
    /// <summary>16-bit float; what is out of its range is stored as its largest finite value.</summary>
    F16,

    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>Blocks of 32 elements of a head: 8-bit codes under a 16-bit scale, 34 bytes. A head must be whole blocks.</summary>
    Q8_0,
}

/// <summary>What a <see cref="KvType"/> takes and which heads it can store.</summary>
public static class KvTypes
{
    /// <summary>Heads are of a multiple of this many elements.</summary>
    /// <param name="type">How they are stored.</param>
    public static int HeadMultiple(this KvType type) => type == KvType.Q8_0 ? KvBlocks.Elements : 8;

    /// <summary>Bytes of some elements.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="elements">How many; a multiple of the type's block.</param>
    public static long Bytes(this KvType type, long elements) => type switch
    {
        KvType.F16 => elements * sizeof(ushort),
        KvType.F32 => elements * sizeof(float),
        KvType.Q8_0 => elements / KvBlocks.Elements * KvBlocks.Bytes,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such type"),
    };
}
