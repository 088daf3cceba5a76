using System.Reflection;
using Coppice.Server.Api;
using Coppice.Server.Requests;

namespace Coppice.Server;

/// <summary>The model that a server answers with, its name, and the limits of what may be asked of it.</summary>
internal sealed class ServedModel(Engine engine, ServerOptions options)
{
    public Engine Engine { get; } = engine;

    public ServerOptions Options { get; } = options;

    public string Name => Options.ModelName;

    /// <summary>Seconds since 1970 at which the server began.</summary>
    public long Created { get; } = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public TokenTexts Texts { get; } = new(engine.Tokenizer);

    /// <summary>Ids of tokens that a prompt can have are below it.</summary>
    public int Vocabulary => Engine.Tokenizer.VocabularySize;

    public static string Version { get; } =
        typeof(ServedModel).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>What an answer begins with.</summary>
    public AnswerHead Head(string prefix) => new($"{prefix}-{Guid.NewGuid():N}", DateTimeOffset.UtcNow.ToUnixTimeSeconds(), Name, $"coppice-{Version}");

    /// <summary>Takes the field <c>model</c>: this one, or none.</summary>
    public void TakeModel(Fields fields)
    {
        if (fields.Text("model") is { } model && model != Name) throw ApiException.UnknownModel(model, Name);
    }

    /// <summary>Checks the length of a prompt.</summary>
    public void CheckPrompt(int[] prompt, string field)
    {
        if (prompt.Length == 0) throw ApiException.Invalid(field, $"'{field}' must have at least one token, found none");
        int most = Math.Min(Options.MaxPromptTokens ?? int.MaxValue, Engine.ContextLength);
        if (prompt.Length > most)
            throw ApiException.Invalid(field, $"'{field}' must have at most {most} tokens, found {prompt.Length}", "context_length_exceeded");
    }

    /// <summary>Tokens that each sample of a prompt may have.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="samples">Samples of it.</param>
    /// <param name="asked">What the request says, or null.</param>
    /// <param name="usual">What holds if it says nothing and there is room.</param>
    /// <param name="field">The prompt's field, for errors.</param>
    public int MaxTokens(int prompt, int samples, int? asked, int usual, string field)
    {
        int left = Engine.ContextLength - prompt;
        if (left < 1)
        {
            throw ApiException.Invalid(
                field, $"'{field}' has {prompt} tokens, which leaves no room for an answer in the context of {Engine.ContextLength}", "context_length_exceeded");
        }

        if (asked is int max)
        {
            return max <= left ? max : throw ApiException.Invalid(
                "max_tokens", $"'max_tokens' must be at most {left}, what the context of {Engine.ContextLength} leaves after {prompt} tokens of '{field}', found {max}",
                "context_length_exceeded");
        }

        // A sample's last token is never written; what does not fit is refused by the engine.
        EngineStatistics now = Engine.Statistics;
        long pages = (now.PagesTotal - Pages(prompt)) / samples;
        return (int)Math.Clamp((pages * PageTokens) + 1, 1, Math.Min(usual, left));
    }

    /// <summary>Checks what a request can come to hold at once.</summary>
    public void CheckTotal(IEnumerable<(int Prompt, int Samples, int MaxTokens)> groups)
    {
        if (Options.MaxTotalTokens is not int most) return;
        long total = groups.Sum(g => g.Prompt + ((long)g.Samples * g.MaxTokens));
        if (total > most)
            throw ApiException.Invalid("max_tokens", $"the prompt's tokens and 'max_tokens' of every sample must be at most {most} together, found {total}");
    }

    private static int PageTokens => Kernels.Attention.KvStore.PageTokens;

    private static long Pages(int tokens) => (tokens + PageTokens - 1) / PageTokens;
}
