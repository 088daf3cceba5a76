using System.CommandLine;

namespace Coppice.Cli;

/// <summary>A model as the user named it.</summary>
/// <param name="Text">The file, or the random model's shape and type.</param>
/// <param name="DefaultPath">Where the model is that comes with the command; null where the user named one.</param>
/// <param name="HasRandomWeights">Whether its text is known to be noise.</param>
internal sealed record ModelName(string Text, string? DefaultPath, bool HasRandomWeights)
{
    private const string Puzzles = "assets/puzzles.gguf";
    private const string Noise = "assets/tiny-noise.gguf";

    /// <summary>Whether it is the model that answers number puzzles.</summary>
    public bool AnswersPuzzles => DefaultPath is not null && !HasRandomWeights;

    /// <summary>What the command line names, or what comes with the command.</summary>
    public static ModelName Of(ParseResult parsed)
    {
        // Where both are given, reading the model refuses them.
        if (IsGiven(parsed, "--random")) return new(parsed.GetValue<string>("--random") ?? "", null, true);
        if (IsGiven(parsed, "--model")) return new(parsed.GetValue<string>("--model") ?? "", null, false);
        return Default(AppContext.BaseDirectory);
    }

    /// <summary>The model beside the program: the one that answers puzzles, or where it is missing the one of random weights.</summary>
    /// <param name="folder">The program's.</param>
    public static ModelName Default(string folder)
    {
        string trained = Path.Combine(folder, Puzzles);
        return File.Exists(trained) ? new(Puzzles, trained, false) : new(Noise, Path.Combine(folder, Noise), true);
    }

    /// <summary>Whether an option is on the command line.</summary>
    public static bool IsGiven(ParseResult parsed, string option) => parsed.GetResult(option) is not null;

    /// <summary>The model's file.</summary>
    /// <inheritdoc cref="ModelArguments.Read"/>
    public ModelSource Open(ModelArguments model, ParseResult parsed, TextWriter error, CancellationToken cancel) =>
        DefaultPath is null ? model.Read(parsed, 1, error, cancel) : new ModelSource(DefaultPath, null);

    /// <summary>Says that text is noise, where it is.</summary>
    public void WarnOfNoise(TextWriter error)
    {
        if (HasRandomWeights) error.WriteLine($"{Text} has random weights: its text is noise; -m FILE takes a real model");
    }
}
