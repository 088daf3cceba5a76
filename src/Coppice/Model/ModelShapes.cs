namespace Coppice.Model;

/// <summary>
/// The shapes known by name: those of published models, and tiny ones of every architecture. The tiny ones have rows that are
/// whole blocks of every tensor type, norm weights that are not all 1, and windows, soft caps and head sizes chosen so that a
/// short text already tells a right implementation from a wrong one.
/// </summary>
public static class ModelShapes
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<ModelShape> All { get; } = [.. Published(), .. Tiny()];

    /// <summary>The shape of that name, or null.</summary>
    public static ModelShape? Find(string name) =>
        All.FirstOrDefault(shape => string.Equals(shape.Name, name, StringComparison.OrdinalIgnoreCase));

    private static IEnumerable<ModelShape> Published() =>
    [
        new()
        {
            Name = "llama-3.2-1b", Architecture = "llama", Layers = 16, Width = 2048, Heads = 32, KvHeads = 8, HeadDim = 64,
            FeedForward = 8192, Vocabulary = 128_256, Context = 131_072, RopeBase = 500_000, TiedOutput = true,
            RopeStretch = new RopeStretch(32, 1, 4, 8192),
        },
        new()
        {
            Name = "llama-2-7b", Architecture = "llama", Layers = 32, Width = 4096, Heads = 32, KvHeads = 32, HeadDim = 128,
            FeedForward = 11_008, Vocabulary = 32_000, Context = 4096,
        },
        new()
        {
            Name = "mistral-7b", Architecture = "llama", Layers = 32, Width = 4096, Heads = 32, KvHeads = 8, HeadDim = 128,
            FeedForward = 14_336, Vocabulary = 32_000, Context = 32_768, Window = 4096,
        },
        new()
        {
            Name = "qwen2.5-0.5b", Architecture = "qwen2", Layers = 24, Width = 896, Heads = 14, KvHeads = 2, HeadDim = 64,
            FeedForward = 4864, Vocabulary = 151_936, Context = 32_768, RopeBase = 1_000_000, NormEpsilon = 1e-6f, TiedOutput = true,
        },
        new()
        {
            Name = "qwen3-0.6b", Architecture = "qwen3", Layers = 28, Width = 1024, Heads = 16, KvHeads = 8, HeadDim = 128,
            FeedForward = 3072, Vocabulary = 151_936, Context = 40_960, RopeBase = 1_000_000, NormEpsilon = 1e-6f, TiedOutput = true,
        },
        new()
        {
            Name = "phi3-mini", Architecture = "phi3", Layers = 32, Width = 3072, Heads = 32, KvHeads = 32, HeadDim = 96,
            FeedForward = 8192, Vocabulary = 32_064, Context = 4096, Window = 2047,
        },
        new()
        {
            Name = "gemma2-2b", Architecture = "gemma2", Layers = 26, Width = 2304, Heads = 8, KvHeads = 4, HeadDim = 256,
            FeedForward = 9216, Vocabulary = 256_000, Context = 8192, NormEpsilon = 1e-6f, TiedOutput = true, Window = 4096,
            AttentionSoftCap = 50, OutputSoftCap = 30,
        },
        new()
        {
            Name = "gemma3-1b", Architecture = "gemma3", Layers = 26, Width = 1152, Heads = 4, KvHeads = 1, HeadDim = 256,
            FeedForward = 6912, Vocabulary = 262_144, Context = 32_768, RopeBase = 1_000_000, NormEpsilon = 1e-6f, TiedOutput = true,
            Window = 512,
        },
        new()
        {
            Name = "starcoder-mqa", Architecture = "starcoder", Layers = 24, Width = 2048, Heads = 16, KvHeads = 1, HeadDim = 128,
            FeedForward = 8192, Vocabulary = 49_152, Context = 8192, RopeBase = 0, TiedOutput = true,
        },
    ];

    private static IEnumerable<ModelShape> Tiny()
    {
        ModelShape llama = new()
        {
            Name = "tiny", Architecture = "llama", Layers = 2, Width = 256, Heads = 4, KvHeads = 2, HeadDim = 64, FeedForward = 512,
            Vocabulary = 512, Context = 4096, NormNoise = 0.1f, BiasNoise = 0.1f,
        };
        return
        [
            llama,
            llama with { Name = "tiny-llama" },
            llama with { Name = "tiny-llama3", RopeBase = 500_000, TiedOutput = true, RopeStretch = new RopeStretch(32, 1, 4, 256) },
            llama with { Name = "tiny-mistral", KvHeads = 1, Window = 32 },
            llama with { Name = "tiny-qwen2", Architecture = "qwen2", RopeBase = 1_000_000, NormEpsilon = 1e-6f, TiedOutput = true },
            llama with { Name = "tiny-qwen3", Architecture = "qwen3", HeadDim = 128, RopeBase = 1_000_000, NormEpsilon = 1e-6f },
            llama with { Name = "tiny-phi3", Architecture = "phi3", KvHeads = 4, Window = 32 },
            llama with
            {
                Name = "tiny-gemma2", Architecture = "gemma2", HeadDim = 128, NormEpsilon = 1e-6f, TiedOutput = true, Window = 32,
                AttentionSoftCap = 2, OutputSoftCap = 3,
            },
            llama with // Every sixth layer looks at the whole context.
            {
                Name = "tiny-gemma3", Architecture = "gemma3", Layers = 6, HeadDim = 128, KvHeads = 1, RopeBase = 1_000_000,
                NormEpsilon = 1e-6f, TiedOutput = true, Window = 32,
            },
            llama with
            {
                Name = "tiny-starcoder", Architecture = "starcoder", KvHeads = 1, FeedForward = 1024, RopeBase = 0, TiedOutput = true,
                Context = 1024,
            },
        ];
    }
}
