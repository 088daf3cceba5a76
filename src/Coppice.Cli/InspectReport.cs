using Coppice.Kernels.Attention;
using Coppice.ModelFiles;

namespace Coppice.Cli;

/// <summary>What a model file says about itself; a number is null where the file has none.</summary>
internal sealed record InspectReport
{
    public required string File { get; init; }

    public required long FileBytes { get; init; }

    public required int GgufVersion { get; init; }

    public required string Architecture { get; init; }

    public string? Name { get; init; }

    /// <summary>Elements of all tensors.</summary>
    public required long Parameters { get; init; }

    public required long TensorBytes { get; init; }

    public long? Layers { get; init; }

    public long? Width { get; init; }

    public long? Heads { get; init; }

    public long? KvHeads { get; init; }

    public long? KeyLength { get; init; }

    public long? ValueLength { get; init; }

    public long? FeedForward { get; init; }

    public long? Context { get; init; }

    /// <summary>Positions a windowed layer looks back on.</summary>
    public long? Window { get; init; }

    public double? RopeBase { get; init; }

    /// <summary>Bytes that one token's keys and values take in all layers as 16-bit floats.</summary>
    public long? KvBytesPerTokenF16 { get; init; }

    /// <summary>The same in blocks of 32 elements of 8 bits under a scale; null as well where heads are not whole blocks.</summary>
    public long? KvBytesPerTokenQ8_0 { get; init; }

    public required InspectVocabulary Vocabulary { get; init; }

    public required bool HasChatTemplate { get; init; }

    /// <summary>The chat template, when it was asked for.</summary>
    public string? ChatTemplate { get; init; }

    public required IReadOnlyList<InspectType> Types { get; init; }

    public required IReadOnlyList<InspectTensor> Tensors { get; init; }

    /// <summary>Reads a file's keys and tensor directory, and no tensor's data.</summary>
    /// <exception cref="ModelFormatException">The file is no GGUF file, or a key has the wrong type.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static InspectReport Of(string path, bool withChatTemplate)
    {
        using GgufFile file = GgufFile.Open(path, allowUnsupportedTypes: true);
        GgufMetadata metadata = file.Metadata;
        string architecture = metadata.GetString("general.architecture");
        long? layers = Integer(metadata, $"{architecture}.block_count");
        long? width = Integer(metadata, $"{architecture}.embedding_length");
        long? heads = Integer(metadata, $"{architecture}.attention.head_count");
        long? kvHeads = Integer(metadata, $"{architecture}.attention.head_count_kv") ?? heads;
        long? headDim = width is { } w && heads is > 0 and { } h ? w / h : null;
        long? keyLength = Integer(metadata, $"{architecture}.attention.key_length") ?? headDim;
        long? valueLength = Integer(metadata, $"{architecture}.attention.value_length") ?? headDim;
        string? template = metadata.GetString("tokenizer.chat_template", null);
        return new InspectReport
        {
            File = path,
            FileBytes = new FileInfo(path).Length,
            GgufVersion = file.Version,
            Architecture = architecture,
            Name = metadata.GetString("general.name", null),
            Parameters = file.Tensors.Sum(tensor => tensor.Elements),
            TensorBytes = file.DataBytes,
            Layers = layers,
            Width = width,
            Heads = heads,
            KvHeads = kvHeads,
            KeyLength = keyLength,
            ValueLength = valueLength,
            FeedForward = Integer(metadata, $"{architecture}.feed_forward_length"),
            Context = Integer(metadata, $"{architecture}.context_length"),
            Window = Integer(metadata, $"{architecture}.attention.sliding_window"),
            RopeBase = metadata.TryGetFloat($"{architecture}.rope.freq_base", out float ropeBase) ? ropeBase : null,
            KvBytesPerTokenF16 = KvBytes(KvType.F16, layers, kvHeads, keyLength, valueLength),
            KvBytesPerTokenQ8_0 = KvBytes(KvType.Q8_0, layers, kvHeads, keyLength, valueLength),
            Vocabulary = InspectVocabulary.Of(metadata),
            HasChatTemplate = template is not null,
            ChatTemplate = withChatTemplate ? template : null,
            Types = [.. file.Tensors.GroupBy(tensor => tensor.TypeName).Select(type =>
                new InspectType(type.Key, type.Count(), type.Sum(tensor => tensor.Elements), type.Sum(tensor => tensor.Bytes)))
                .OrderByDescending(type => type.Bytes)],
            Tensors = [.. file.Tensors.Select(tensor => new InspectTensor(tensor.Name, tensor.TypeName, tensor.Dimensions, tensor.Bytes))],
        };
    }

    /// <summary>A number, or null where it is missing or differs from layer to layer.</summary>
    private static long? Integer(GgufMetadata metadata, string key) =>
        !metadata.IsArray(key) && metadata.TryGetLong(key, out long value) ? value : null;

    private static long? KvBytes(KvType type, long? layers, long? kvHeads, long? keyLength, long? valueLength)
    {
        if (layers is null || kvHeads is null || keyLength is null || valueLength is null) return null;
        int multiple = type == KvType.F16 ? 1 : type.HeadMultiple();
        if (keyLength % multiple != 0 || valueLength % multiple != 0) return null;
        Int128 bytes = (Int128)layers.Value * kvHeads.Value * ((Int128)keyLength.Value + valueLength.Value) / multiple * type.Bytes(multiple);
        return bytes >= 0 && bytes <= long.MaxValue ? (long)bytes : null;
    }
}

/// <summary>The tokenizer's family and its special tokens.</summary>
internal sealed record InspectVocabulary(string? Family, string? PreTokenizer, long Tokens, long? BosId, long? EosId)
{
    public static InspectVocabulary Of(GgufMetadata metadata) => new(
        metadata.GetString("tokenizer.ggml.model", null),
        metadata.GetString("tokenizer.ggml.pre", null),
        metadata.IsArray("tokenizer.ggml.tokens") ? metadata["tokenizer.ggml.tokens"].Count : 0,
        metadata.TryGetLong("tokenizer.ggml.bos_token_id", out long bos) ? bos : null,
        metadata.TryGetLong("tokenizer.ggml.eos_token_id", out long eos) ? eos : null);
}

/// <summary>How much of the model is stored as one type.</summary>
internal sealed record InspectType(string Type, int Tensors, long Elements, long Bytes);

/// <summary>A tensor; dimensions in ggml's order, the row's length first.</summary>
internal sealed record InspectTensor(string Name, string Type, IReadOnlyList<long> Dimensions, long Bytes);
