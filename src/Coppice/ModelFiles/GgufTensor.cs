using Coppice.Kernels.Formats;

namespace Coppice.ModelFiles;

/// <summary>A tensor's entry in a GGUF file: what it is and where its bytes are.</summary>
public sealed class GgufTensor
{
    private readonly long[] _dimensions;

    internal GgufTensor(string name, uint typeId, long[] dimensions, long elements, long bytes, long offset)
    {
        Name = name;
        TypeId = typeId;
        _dimensions = dimensions;
        Elements = elements;
        Bytes = bytes;
        Offset = offset;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>How the elements are stored; only a file opened with unsupported types allowed has one that is not in
    /// <see cref="TensorTypes.Supported"/>.</summary>
    public TensorType Type => (TensorType)TypeId;

    /// <summary>The type's name, also of types that are unsupported, as in <c>IQ4_XS</c>.</summary>
    public string TypeName => GgmlType.NameOf(TypeId);

    /// <summary>Whether the type can be read and multiplied with.</summary>
    public bool IsSupported => TensorTypes.IsSupported(Type);

    /// <summary>One to four sizes in ggml's order: the first is the length of a row, whose elements are neighbours.</summary>
    public IReadOnlyList<long> Dimensions => _dimensions;

    /// <summary>Elements of a row: the first dimension.</summary>
    public long RowLength => _dimensions[0];

    /// <summary>Number of rows: the product of all dimensions but the first.</summary>
    public long Rows => Elements / _dimensions[0];

    /// <summary>Number of elements: the product of the dimensions.</summary>
    public long Elements { get; }

    /// <summary>Bytes the elements take; 0 where the type's layout is unknown.</summary>
    public long Bytes { get; }

    /// <summary>Where the bytes start, counted from the start of the file.</summary>
    public long Offset { get; }

    internal uint TypeId { get; }

    /// <summary>Name, type and shape on one line.</summary>
    public override string ToString() => $"{Name} {TypeName} [{string.Join(", ", _dimensions)}]";

    /// <summary>A name as errors show it: no longer than a line bears.</summary>
    internal static string Shown(string name) => name.Length <= 80 ? name : $"{name.AsSpan(0, 77)}...";
}

/// <summary>What is known of ggml's tensor types, supported here or not (ggml.h, gguf-py/gguf/constants.py).</summary>
internal static class GgmlType
{
    public static string NameOf(uint type) => Lookup(type).Name ?? $"type {type}";

    /// <summary>Elements and bytes of a block; both 0 where the type is unknown.</summary>
    public static (string? Name, int BlockSize, int BlockBytes) Lookup(uint type)
    {
        if (TensorTypes.IsSupported((TensorType)type))
            return (((TensorType)type).ToString(), TensorTypes.BlockSize((TensorType)type), TensorTypes.BlockBytes((TensorType)type));
        return type switch
        {
            9 => ("Q8_1", 32, 36),
            15 => ("Q8_K", 256, 292),
            16 => ("IQ2_XXS", 256, 66),
            17 => ("IQ2_XS", 256, 74),
            18 => ("IQ3_XXS", 256, 98),
            19 => ("IQ1_S", 256, 50),
            20 => ("IQ4_NL", 32, 18),
            21 => ("IQ3_S", 256, 110),
            22 => ("IQ2_S", 256, 82),
            23 => ("IQ4_XS", 256, 136),
            24 => ("I8", 1, 1),
            25 => ("I16", 1, 2),
            26 => ("I32", 1, 4),
            27 => ("I64", 1, 8),
            28 => ("F64", 1, 8),
            29 => ("IQ1_M", 256, 56),
            34 => ("TQ1_0", 256, 54),
            35 => ("TQ2_0", 256, 66),
            39 => ("MXFP4", 32, 17),
            40 => ("NVFP4", 64, 36),
            41 => ("Q1_0", 128, 18),
            42 => ("Q2_0", 64, 18),
            4 => ("Q4_2", 0, 0),
            5 => ("Q4_3", 0, 0),
            31 => ("Q4_0_4_4", 0, 0),
            32 => ("Q4_0_4_8", 0, 0),
            33 => ("Q4_0_8_8", 0, 0),
            36 => ("IQ4_NL_4_4", 0, 0),
            37 => ("IQ4_NL_4_8", 0, 0),
            38 => ("IQ4_NL_8_8", 0, 0),
            _ => (null, 0, 0),
        };
    }
}
