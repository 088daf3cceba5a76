namespace Coppice.Cli.Verifying;

/// <summary>Judges samples, several at once; equal ones are judged once.</summary>
/// <param name="verifier">Says what is right.</param>
/// <param name="jobs">How many are judged at once.</param>
internal sealed class Verification(IVerifier verifier, int jobs)
{
    private readonly Dictionary<Submission, Verdict> _verdicts = [];

    /// <summary>Judges all samples that were not judged before.</summary>
    /// <param name="submissions">The samples; duplicates are fine.</param>
    /// <param name="judged">Is told how many different ones of these are judged; null when nobody looks.</param>
    /// <param name="cancel">Ends the work; what is judged by then is kept.</param>
    /// <returns>Whether it came to its end.</returns>
    public async Task<bool> CheckAsync(IEnumerable<Submission> submissions, Action<int>? judged, CancellationToken cancel)
    {
        Submission[] open = [.. submissions.Distinct().Where(submission => !_verdicts.ContainsKey(submission))];
        int done = 0;
        try
        {
            // Not the token: a verifier that needs no time has its say even then.
            await Parallel.ForEachAsync(open, new ParallelOptions { MaxDegreeOfParallelism = jobs }, async (submission, _) =>
            {
                Verdict verdict = await verifier.CheckAsync(submission, cancel);
                lock (_verdicts)
                {
                    _verdicts[submission] = verdict;
                    judged?.Invoke(++done);
                }
            });
            return true;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>What was said of a sample; null where it was not judged.</summary>
    public Verdict? Of(Submission submission) => _verdicts.GetValueOrDefault(submission);
}
