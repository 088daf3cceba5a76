namespace Coppice.PeerBench;

/// <summary>One prompt and its continuations, the same for every engine.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="MostSamples">Continuations of the largest row.</param>
/// <param name="Tokens">Tokens a sample gets.</param>
/// <param name="VocabularySize">Token ids are drawn below it.</param>
internal sealed record Workload(int PromptTokens, int MostSamples, int Tokens, int VocabularySize)
{
    /// <summary>The prompt's token ids.</summary>
    public int[] Prompt()
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(VocabularySize))];
    }

    /// <summary>The token ids of every step: [<see cref="Tokens"/>][samples].</summary>
    public int[][] Steps(int samples)
    {
        var random = new Random(1000 + samples);
        return [.. Enumerable.Range(0, Tokens).Select(_ => Enumerable.Range(0, samples).Select(_ => random.Next(VocabularySize)).ToArray())];
    }
}
