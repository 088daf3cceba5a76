using System.Globalization;
using Coppice.Kernels.Attention;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>The sizes and constants of one model, read from its file's metadata.</summary>
public sealed record ModelConfig
{
    /// <summary>What the decoder does.</summary>
    public required Architecture Architecture { get; init; }

    /// <summary>Number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream (the paper's d).</summary>
    public required int Width { get; init; }

    /// <summary>Query heads (the paper's h).</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads (the paper's g).</summary>
    public required int KvHeads { get; init; }

    /// <summary>Width of a head (the paper's k).</summary>
    public required int HeadDim { get; init; }

    /// <summary>Width of the feed-forward block.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Number of tokens in the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Positions the model was made for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Epsilon of the normalizations.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Dimensions of a head that are rotated.</summary>
    public required int RotaryDims { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public required float RotaryBase { get; init; }

    /// <summary>Base in windowed layers.</summary>
    public required float LocalRotaryBase { get; init; }

    /// <summary>Factor on positions (linear scaling); 1 where there is none.</summary>
    public required float RotaryScale { get; init; }

    /// <summary>Factor on rotated vectors; 1 where there is none.</summary>
    public required float RotaryAttentionFactor { get; init; }

    /// <summary>Positions before which the short rotary factors hold (Phi-3).</summary>
    public required int OriginalContextLength { get; init; }

    /// <summary>Factor on attention scores.</summary>
    public required float AttentionScale { get; init; }

    /// <summary>Bound of attention scores: cap * tanh(s / cap); 0: none.</summary>
    public required float AttentionSoftCap { get; init; }

    /// <summary>Bound of logits; 0: none.</summary>
    public required float LogitSoftCap { get; init; }

    /// <summary>Per layer, how many positions back a token sees, itself included; 0: all.</summary>
    public required IReadOnlyList<int> Windows { get; init; }

    /// <summary>Query heads that share a key and value head (the paper's p).</summary>
    public int HeadsPerGroup => Heads / KvHeads;

    /// <summary>Bytes of keys and values a token takes in all layers.</summary>
    /// <param name="type">How they are stored.</param>
    public long KvBytesPerToken(KvType type) => 2L * Layers * KvHeads * type.Bytes(HeadDim);

    /// <summary>Reads the configuration of a file.</summary>
    /// <exception cref="ModelFormatException">The architecture is not supported, a key is missing or out of range.</exception>
    public static ModelConfig FromGguf(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        GgufMetadata metadata = file.Metadata;
        string name = metadata.GetString("general.architecture");
        Architecture architecture = Architecture.Find(name) ?? throw new ModelFormatException(
            file.Path, "general.architecture", "one of " + string.Join(", ", Architecture.All.Select(a => a.Name)), name);
        string Key(string suffix) => $"{name}.{suffix}";
        int Size(string suffix, int? fallback, int atMost)
        {
            string key = Key(suffix);
            int value = fallback is int f ? metadata.GetInt(key, f) : metadata.GetInt(key);
            return value >= 1 && value <= atMost
                ? value
                : throw new ModelFormatException(file.Path, key, $"1 to {atMost}", value.ToString(CultureInfo.InvariantCulture));
        }

        if (metadata.GetInt(Key("expert_count"), 0) > 0)
            throw new ModelFormatException(file.Path, Key("expert_count"), "a model without experts", "experts");
        int layers = Size("block_count", null, 1024);
        int width = Size("embedding_length", null, 1 << 17);
        int heads = HeadCount(file, Key("attention.head_count"), null);
        int kvHeads = HeadCount(file, Key("attention.head_count_kv"), heads);
        if (heads % kvHeads != 0)
            throw new ModelFormatException(file.Path, Key("attention.head_count_kv"), $"a divisor of {heads}", $"{kvHeads}");
        int headDim = Size("attention.key_length", Math.Max(1, width / heads), 256);
        int valueDim = Size("attention.value_length", headDim, 256);
        if (valueDim != headDim || headDim % 8 != 0)
            throw new ModelFormatException(file.Path, Key("attention.value_length"), "a multiple of 8 equal to key_length", $"{headDim}, {valueDim}");
        int contextLength = Size("context_length", null, 1 << 24);
        int rotaryDims = Size("rope.dimension_count", headDim, headDim);
        if (rotaryDims % 2 != 0)
            throw new ModelFormatException(file.Path, Key("rope.dimension_count"), "an even number", $"{rotaryDims}");
        float rotaryBase = Positive(file, Key("rope.freq_base"), 10_000f);
        float factor = metadata.GetFloat(Key("rope.scaling.factor"), metadata.GetFloat(Key("rope.scale_linear"), 0f));
        string scaling = metadata.GetString(Key("rope.scaling.type"), "linear")!;
        if (scaling is not ("none" or "linear" or "longrope"))
            throw new ModelFormatException(file.Path, Key("rope.scaling.type"), "none, linear or longrope", scaling);

        return new ModelConfig
        {
            Architecture = architecture,
            Layers = layers,
            Width = width,
            Heads = heads,
            KvHeads = kvHeads,
            HeadDim = headDim,
            FeedForward = Size("feed_forward_length", null, 1 << 20),
            Vocabulary = VocabularySize(file, Key("vocab_size")),
            ContextLength = contextLength,
            NormEpsilon = Positive(file, Key(architecture.Norm == NormKind.Rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"), 1e-5f),
            RotaryDims = rotaryDims,
            RotaryBase = rotaryBase,
            LocalRotaryBase = architecture.LocalRotary ? Positive(file, Key("rope.freq_base_swa"), 10_000f) : rotaryBase,
            RotaryScale = scaling == "linear" && factor > 0 ? 1 / factor : 1,
            RotaryAttentionFactor = metadata.GetFloat(Key("rope.scaling.attn_factor"), 1f),
            OriginalContextLength = metadata.GetInt(Key("rope.scaling.original_context_length"), contextLength),
            AttentionScale = AttentionScaleOf(architecture, layers, width, heads, headDim),
            AttentionSoftCap = metadata.GetFloat(Key("attn_logit_softcapping"), name == "gemma2" ? 50f : 0f),
            LogitSoftCap = metadata.GetFloat(Key("final_logit_softcapping"), name == "gemma2" ? 30f : 0f),
            Windows = WindowsOf(file, architecture, Key, layers),
        };
    }

    // The two largest Gemma models scale by width per head instead of by the head's own width.
    private static float AttentionScaleOf(Architecture architecture, int layers, int width, int heads, int headDim)
    {
        bool byWidth = (architecture.Name == "gemma2" && layers == 46) || (architecture.Name == "gemma3" && layers == 62);
        return 1f / MathF.Sqrt(byWidth ? width / heads : headDim);
    }

    private static int[] WindowsOf(GgufFile file, Architecture architecture, Func<string, string> key, int layers)
    {
        int window = architecture.Windowed ? file.Metadata.GetInt(key("attention.sliding_window"), architecture.DefaultWindow) : 0;
        if (window < 0) throw new ModelFormatException(file.Path, key("attention.sliding_window"), "0 or more", $"{window}");
        var windows = new int[layers];
        string patternKey = key("attention.sliding_window_pattern");
        if (file.Metadata.IsArray(patternKey))
        {
            bool[] isWindowed = file.Metadata.Bools(patternKey);
            if (isWindowed.Length != layers)
                throw new ModelFormatException(file.Path, patternKey, $"{layers} values", $"{isWindowed.Length}");
            for (int layer = 0; layer < layers; layer++) windows[layer] = isWindowed[layer] ? window : 0;
            return windows;
        }

        int pattern = file.Metadata.GetInt(patternKey, architecture.WindowPattern);
        for (int layer = 0; layer < layers; layer++)
            windows[layer] = pattern <= 1 || layer % pattern < pattern - 1 ? window : 0;
        return windows;
    }

    private static int HeadCount(GgufFile file, string key, int? fallback)
    {
        if (fallback is int f && !file.Metadata.Contains(key)) return f;
        int count;
        if (file.Metadata.IsArray(key))
        {
            int[] perLayer = file.Metadata.Ints(key);
            if (perLayer.Length == 0 || perLayer.Distinct().Count() != 1)
                throw new ModelFormatException(file.Path, key, "the same number in every layer", "different numbers");
            count = perLayer[0];
        }
        else
        {
            count = file.Metadata.GetInt(key);
        }

        return count is >= 1 and <= 1024 ? count : throw new ModelFormatException(file.Path, key, "1 to 1024", $"{count}");
    }

    private static float Positive(GgufFile file, string key, float fallback)
    {
        float value = file.Metadata.GetFloat(key, fallback);
        return value > 0 && float.IsFinite(value)
            ? value
            : throw new ModelFormatException(file.Path, key, "a positive number", value.ToString(CultureInfo.InvariantCulture));
    }

    private static int VocabularySize(GgufFile file, string key)
    {
        long size = file.TryGetTensor("token_embd.weight", out GgufTensor? embedding) && embedding.Dimensions.Count == 2
            ? embedding.Dimensions[1]
            : file.Metadata.GetInt(key);
        return size is >= 1 and <= 1 << 24
            ? (int)size
            : throw new ModelFormatException(file.Path, "vocabulary", $"1 to {1 << 24} tokens", size.ToString(CultureInfo.InvariantCulture));
    }
}
