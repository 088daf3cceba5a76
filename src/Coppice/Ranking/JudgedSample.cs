namespace Coppice.Ranking;

/// <summary>One sample of a problem and what a check said of it.</summary>
/// <param name="Text">The generated text; texts that differ only in blanks at their ends are the same answer.</param>
/// <param name="MeanLogprob">The log-probability per token, natural log; -infinity for a text of no tokens.</param>
/// <param name="IsRight">Whether it solves the problem.</param>
public sealed record JudgedSample(string Text, double MeanLogprob, bool IsRight);
