namespace Coppice.Cli;

/// <summary>What <c>bench --ladder</c> measures.</summary>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="Samples">Numbers of samples, ascending; 1 is always among them.</param>
/// <param name="Tokens">Decode steps of a whole run.</param>
/// <param name="Rounds">Rounds of measurements; null: as many as fit in <see cref="RoundsTime"/>.</param>
internal sealed record LadderPlan(int PromptTokens, int[] Samples, int Tokens, int? Rounds)
{
    private const int MostRounds = 8;

    /// <summary>Time for rounds where their number is not given; two are made however long they take.</summary>
    public static readonly TimeSpan RoundsTime = TimeSpan.FromSeconds(60);

    /// <summary>Prompt tokens of a prefill step.</summary>
    public int Chunk => Math.Min(512, PromptTokens);

    /// <summary>The same as rows of the plain benchmark, a single run each.</summary>
    public BenchPlan Runs => new([PromptTokens], Samples, Tokens, [default], Repeats: 1, Warmup: 0);

    /// <summary>Whether another round is due.</summary>
    /// <param name="done">Rounds made.</param>
    /// <param name="elapsed">Time they took.</param>
    public bool WantsRound(int done, TimeSpan elapsed) => Rounds is int rounds
        ? done < rounds
        : done < 2 || (done < MostRounds && elapsed + (elapsed / done) < RoundsTime);
}
