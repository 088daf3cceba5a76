using System.Globalization;

namespace Coppice.Cli.Evaluation;

/// <summary>The table of an evaluation for people: a row a run.</summary>
internal static class EvalText
{
    /// <summary>Writes it.</summary>
    /// <param name="output">Gets it.</param>
    /// <param name="title">What was evaluated, one line.</param>
    /// <param name="scores">The runs.</param>
    /// <param name="plan">Says which pass@k a run has.</param>
    public static void Write(TextWriter output, string title, IReadOnlyList<EvalScore> scores, EvalPlan plan)
    {
        int[] ks = [.. scores.SelectMany(score => plan.KsOf(score.Run.Samples)).Distinct().Order()];
        output.WriteLine(title);
        output.WriteLine($"samples   attention  problems  {string.Concat(ks.Select(k => $"{$"pass@{k}",9}  "))}pass@top3  majority  ms/problem  tokens/problem");
        foreach (EvalScore score in scores)
        {
            string passes = string.Concat(ks.Select(k => plan.KsOf(score.Run.Samples).Contains(k) ? Percent(score.PassAt(k), 9) : new string(' ', 11)));
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{score.Run.Samples,7}  {Spelling.Of(score.Run.Attention),10}  {score.Problems,8}  {passes}{Percent(score.PassAtTop3, 9)}{Percent(score.Majority, 8)}{1000 * score.SecondsPerProblem,10:0.0}  {score.TokensPerProblem,14:0.0}"));
        }
    }

    private static string Percent(double share, int width) => share.ToString("0.0%", CultureInfo.InvariantCulture).PadLeft(width) + "  ";
}
