namespace Coppice.PeerBench.Tests;

/// <summary>Results made by hand.</summary>
internal static class Sample
{
    public static PeerConditions Conditions { get; } =
        new("a machine, 2 cores", "0.5.0 (zen4)", "0.1.0 (avx512)", "random weights", Threads: 2, Tokens: 16, Repeats: 5, "f16", "fa,unified nofa,unified");

    public static RowResult Row(int context, int? samples, double? floor, double coppice, params (string Setting, int Threads, double Rate)[] rivals)
    {
        var row = new PeerRow("shape:q8_0", context, samples, floor);
        EngineResult[] engines =
        [
            .. rivals.Select(rival => new EngineResult("llama.cpp", rival.Setting, rival.Threads, rival.Rate, [1, 2], 0.001)),
            new EngineResult("Coppice", "bifurcated", 2, coppice, [1, 2], 0.001),
        ];
        return new RowResult(row.Name, row.Model, row.Context, row.Samples, row.Floor, Run: 0, engines, []);
    }

    public static PeerDocument Document(params RowResult[] rows) =>
        new(Conditions, [new PeerRun(DateTime.UnixEpoch, 2, new MachineSpeed(1.98, 41), new MachineSpeed(1.97, 40))], rows);
}

/// <summary>An engine that notes what it is told.</summary>
internal sealed class FakeEngine(string name, string setting, List<string> calls) : IBenchEngine
{
    public string Name => name;

    public string Setting => setting;

    public void Wake() => calls.Add($"{setting} wakes");

    public void Rest() => calls.Add($"{setting} rests");

    public void Prefill(ReadOnlySpan<int> prompt) => calls.Add($"{setting} prefills {prompt.Length}");

    public void Fork(int samples) => calls.Add($"{setting} forks {samples}");

    public void Step(ReadOnlySpan<int> tokens) => calls.Add($"{setting} steps {tokens.Length}");

    public void Rewind() => calls.Add($"{setting} rewinds");

    public void Dispose() => calls.Add($"{setting} goes");
}
