namespace Coppice.PeerBench;

/// <summary>A row of the table: what both engines do on one file.</summary>
/// <param name="Model">The model's name: SHAPE:TYPE in the suite, else its file's.</param>
/// <param name="Context">Tokens of the prompt.</param>
/// <param name="Samples">Continuations that get tokens; null where the prompt itself is the work.</param>
/// <param name="Floor">What Coppice's rate over llama.cpp's must come to; null where nothing is demanded.</param>
internal sealed record PeerRow(string Model, int Context, int? Samples, double? Floor = null)
{
    /// <summary>What <c>--only</c> looks in.</summary>
    public string Name => Samples is int samples ? $"{Model}/{Context}/{samples}" : $"{Model}/{Context}/prefill";

    /// <summary>Whether <c>--only</c> means this row: its name holds the text, and a text with a slash ends where a part of the name ends.</summary>
    public bool IsMeant(string text) => text.Contains('/', StringComparison.Ordinal)
        ? $"{Name}/".Contains($"{text.TrimEnd('/')}/", StringComparison.OrdinalIgnoreCase)
        : Name.Contains(text, StringComparison.OrdinalIgnoreCase);

    /// <summary>The work, in the table's words.</summary>
    public string Work => Samples switch
    {
        null => "prefill",
        1 => "1 sample",
        int samples => $"{samples} samples",
    };
}

/// <summary>The rows that Coppice promises, and those that make their tables whole.</summary>
internal static class Suite
{
    /// <summary>All rows; those of a model stand together, and those of a context within it.</summary>
    public static IReadOnlyList<PeerRow> Rows { get; } =
    [
        .. Of("llama-3.2-1b:q8_0", 512, prefill: 2.5, one: 1.1, many: 3.5),
        .. Of("llama-3.2-1b:q8_0", 2048, many: 3.0),
        .. Of("llama-3.2-1b:q8_0", 8192, many: 2.5),
        .. Of("llama-3.2-1b:q4_0", 512, prefill: 1.3, one: 1.0, many: 2.2),
        .. Of("llama-3.2-1b:q4_0", 2048, many: 2.0),
        .. Of("llama-3.2-1b:q4_k", 512, prefill: 1.3, one: 1.0),
        .. Of("llama-2-7b:q4_0", 2048, many: 2.0),
    ];

    /// <summary>Where the models are kept: <c>artifacts/models</c> of the checkout that this program was built in.</summary>
    public static string DefaultFolder { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "models"));

    /// <summary>The file that <c>coppice random</c> makes of a suite's model, in a folder.</summary>
    public static string File(string folder, string model) => Path.Combine(folder, model.Replace(':', '-') + ".gguf");

    private static IEnumerable<PeerRow> Of(string model, int context, double? prefill = null, double? one = null, double? many = null) =>
    [
        new(model, context, Samples: null, prefill),
        new(model, context, Samples: 1, one),
        new(model, context, Samples: 16),
        new(model, context, Samples: 32, many),
    ];
}
