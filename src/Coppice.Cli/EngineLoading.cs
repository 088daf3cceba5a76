using Coppice.Kernels.Attention;
using Coppice.Model;
using Coppice.ModelFiles;
using Spectre.Console;

namespace Coppice.Cli;

/// <summary>Loads an engine while the terminal shows that it happens.</summary>
internal static class EngineLoading
{
    /// <summary>Loads a model; a cancelled load is left to end by itself.</summary>
    /// <param name="source">The file.</param>
    /// <param name="options">Settings.</param>
    /// <param name="error">Where progress goes.</param>
    /// <param name="cancel">Ends the wait.</param>
    public static async Task<Engine> LoadAsync(ModelSource source, EngineOptions options, TextWriter error, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        return Terminal(error) is { } console
            ? await console.Status().StartAsync($"loading {Markup.Escape(Path.GetFileName(source.Path))}", _ => Load())
            : await Load();

        Task<Engine> Load() => Task.Run(() => Engine.Load(source.Path, options), CancellationToken.None).WaitAsync(cancel);
    }

    /// <summary>Checks that a model whose positions are a table has so many; any other may be asked for more than it was made for.</summary>
    /// <exception cref="RequestRejectedException">It has fewer.</exception>
    public static void CheckContext(GgufFile file, string option, int tokens)
    {
        ModelConfig config = ModelConfig.FromGguf(file);
        if (config.Architecture.Positions == PositionKind.Learned && tokens > config.ContextLength)
            throw new RequestRejectedException(option, $"at most the {config.ContextLength} positions of the model", $"{tokens}");
    }

    /// <summary>Tokens of the whole pages that a prompt and its branches take. A branch's last token is never written.</summary>
    /// <exception cref="RequestRejectedException">They are more than an engine holds.</exception>
    public static int KvTokens(int promptTokens, int samples, int maxTokens)
    {
        long pages = Pages(promptTokens) + ((long)samples * Pages(maxTokens - 1));
        const long most = 1 << 28;
        return pages * KvStore.PageTokens <= most
            ? (int)(pages * KvStore.PageTokens)
            : throw new RequestRejectedException("--samples", $"at most {most} tokens in all samples", $"{samples} of {maxTokens}");
    }

    /// <summary>Pages that so many tokens take.</summary>
    public static int Pages(int tokens) => (tokens + KvStore.PageTokens - 1) / KvStore.PageTokens;

    /// <summary>Standard error as a terminal, or null where it is none.</summary>
    public static IAnsiConsole? Terminal(TextWriter error) => error == Console.Error && !Console.IsErrorRedirected
        ? AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) })
        : null;
}
