using System.CommandLine;
using Coppice.Kernels.Formats;
using Coppice.Model;

namespace Coppice.Cli;

/// <summary>Which model a command works on: <c>-m FILE</c>, or <c>--random SHAPE:TYPE</c> for one of random weights.</summary>
internal sealed class ModelArguments
{
    private readonly Option<string?> _model;
    private readonly Option<string?> _random = new("--random")
    {
        Description = "Random weights of a known shape instead of a file, as in llama-3.2-1b:q8_0.",
        HelpName = "SHAPE:TYPE",
    };

    /// <summary>The options.</summary>
    /// <param name="comesWithOne">Whether the command takes the model that comes with it where neither is given.</param>
    public ModelArguments(bool comesWithOne = false) =>
        _model = File(comesWithOne ? "The GGUF file; the model of number puzzles that comes with the command if not given." : "The GGUF file.");

    /// <summary>The option <c>-m/--model</c> alone, for commands that need a real file.</summary>
    public static Option<string?> File(string description)
    {
        var option = new Option<string?>("--model", "-m") { Description = description, HelpName = "FILE" };
        option.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: "" }]) given.AddError("--model: expected a file, found ''");
        });
        return option;
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_random);
    }

    /// <summary>The model's file; one of random weights is written first.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="seed">Seed of random weights.</param>
    /// <param name="error">Gets the progress of writing.</param>
    /// <param name="cancel">Ends the writing.</param>
    /// <exception cref="RequestRejectedException">Not exactly one of the options was given, or the shape or type is unknown.</exception>
    /// <exception cref="IOException">The random model can't be written.</exception>
    public ModelSource Read(ParseResult parsed, ulong seed, TextWriter error, CancellationToken cancel)
    {
        string? path = parsed.GetValue(_model);
        string? random = parsed.GetValue(_random);
        if ((path is null) == (random is null))
            throw new RequestRejectedException("model", "one of --model and --random", path is null ? "neither" : "both");
        if (path is not null) return new ModelSource(path, null);
        (ModelShape shape, TensorType type) = RandomModel.Parse(random!);
        TemporaryModel model = Progress.Run(error, $"writing random {shape.Name}", RandomModel.DataBytes(shape, type), written =>
            RandomModel.WriteTemporary(shape, type, seed, written, cancel));
        return new ModelSource(model.Path, model, random);
    }
}

/// <summary>A model's file, and the temporary model behind it when it has random weights.</summary>
/// <param name="Path">The file.</param>
/// <param name="Temporary">Deletes the file in the end; null for the user's own.</param>
/// <param name="Random">Shape and type of random weights, or null.</param>
internal sealed record ModelSource(string Path, TemporaryModel? Temporary, string? Random = null) : IDisposable
{
    /// <summary>What to call it: the file's name, or SHAPE:TYPE.</summary>
    public string Name => Random ?? System.IO.Path.GetFileName(Path);

    /// <summary>To be called when the file is open: where the system allows it, a temporary file loses its name at once.</summary>
    public void Opened() => Temporary?.DeleteName();

    /// <inheritdoc/>
    public void Dispose() => Temporary?.Dispose();
}
