using System.Globalization;

namespace Coppice.LoadBench.Tests;

/// <summary>Inputs that several tests share.</summary>
internal static class Sample
{
    public static LoadOptions Options => new()
    {
        Server = new Uri("http://127.0.0.1:1/v1/"),
        Model = "stub-model",
        Requests = 4,
        SharedSize = Mix("20"),
        PrivateSize = Mix("5"),
        Samples = Mix("1"),
        MaxTokens = Mix("4"),
        Timeout = TimeSpan.FromSeconds(30),
    };

    public static WeightedSizes Mix(string text) => WeightedSizes.TryParse(text, 0, 100_000, out WeightedSizes? mix) ? mix! : throw new FormatException(text);

    public static PlannedRequest Request(int index = 0, int samples = 1, int maxTokens = 4, int context = -1, int? vanishAfter = null) =>
        new(index, TimeSpan.FromSeconds(index), context, context >= 0 && index == 0, 5, samples, maxTokens, vanishAfter, 17 + index);

    public static RequestOutcome Outcome(int index, double? first, double? token, double? total, Ending ending = Ending.Completed, int samples = 1) => new()
    {
        Request = Request(index, samples),
        Ending = ending,
        FirstToken = first,
        Token = token,
        Total = total,
        OutputTokens = 10,
    };

    /// <summary>The data of a completion's event.</summary>
    public static string Piece(int choice, string text, string? finish = null) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"id":"c","object":"text_completion","choices":[{"index":{{choice}},"text":"{{text}}","finish_reason":{{(finish is null ? "null" : $"\"{finish}\"")}}}]}""");

    public static string Usage(int prompt, int cached, int output) => string.Create(
        CultureInfo.InvariantCulture,
        $$$"""{"id":"c","choices":[],"usage":{"prompt_tokens":{{{prompt}}},"completion_tokens":{{{output}}},"prompt_tokens_details":{"cached_tokens":{{{cached}}} } } }""");
}
