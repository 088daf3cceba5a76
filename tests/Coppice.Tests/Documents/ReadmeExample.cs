using Coppice;

namespace Coppice.Tests.Documents;

/// <summary>The README's example, line by line.</summary>
internal static class ReadmeExample
{
    public static async Task Run(string model, TextWriter output)
    {
        using var engine = Engine.Load(model);
        GenerationResult result = await engine.GenerateAsync(new GenerationRequest("Once upon a time") { Samples = 8, MaxTokens = 64 });
        foreach (Choice choice in result.Choices) output.WriteLine($"{choice.Rank}: {choice.Text} ({choice.MeanLogprob:f2})");
    }
}
