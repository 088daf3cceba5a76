using System.Globalization;

namespace Coppice.PeerBench;

/// <summary>The measurements as text, a line as soon as it is known, and at the end each engine's best setting.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private readonly List<Measurement> _lines = [];

    public void Header()
    {
        output.WriteLine("| engine     | setting      | prompt | samples | prefill t/s |  fork s | step ms | decode t/s |");
        output.WriteLine("|------------|--------------|-------:|--------:|------------:|--------:|--------:|-----------:|");
    }

    public void Add(Measurement line)
    {
        _lines.Add(line);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {line.Engine,-10} | {line.Setting,-12} | {line.PromptTokens,6} | {line.Samples,7} | {line.PrefillRate,11:f1} | {line.Fork,7:f3} | {line.StepSeconds * 1e3,7:f1} | {line.DecodeRate,10:f1} |"));
        output.Flush();
    }

    /// <summary>For each number of samples, each engine's fastest setting, and its rate over the first engine's.</summary>
    public void Best()
    {
        output.WriteLine();
        output.WriteLine("| samples | engine     | best setting | decode t/s | over the first engine |");
        output.WriteLine("|--------:|------------|--------------|-----------:|----------------------:|");
        foreach (IGrouping<int, Measurement> group in _lines.GroupBy(line => line.Samples))
        {
            double first = 0;
            foreach (IGrouping<string, Measurement> engine in group.GroupBy(line => line.Engine))
            {
                Measurement best = engine.MaxBy(line => line.DecodeRate)!;
                if (first == 0) first = best.DecodeRate;
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {best.Samples,7} | {best.Engine,-10} | {best.Setting,-12} | {best.DecodeRate,10:f1} | {best.DecodeRate / first,21:f2} |"));
            }
        }
    }
}
