using System.Diagnostics.Metrics;

namespace Coppice.Server;

/// <summary>What the server measures of requests; the engine's own numbers come from its meter, <c>Coppice</c>.</summary>
internal sealed class ServerMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Coppice.Server";

    private static readonly double[] Seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
    private static readonly double[] TokenSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
    private readonly Histogram<double> _firstToken, _perToken, _whole;
    private readonly Counter<long> _vanished;

    /// <summary>Makes the instruments.</summary>
    public ServerMetrics(IMeterFactory factory, ServedModel model, RequestGate gate)
    {
        Meter meter = factory.Create(MeterName);
        _firstToken = Histogram(meter, "coppice.request.time_to_first_token", "From a request's arrival to the first token of any of its samples.", Seconds);
        _perToken = Histogram(meter, "coppice.request.time_per_token", "Time of one decode step of a request, which gives a token of each of its samples.", TokenSeconds);
        _whole = Histogram(meter, "coppice.request.duration", "From a request's arrival to its last token.", Seconds);
        _vanished = meter.CreateCounter<long>("coppice.request.vanished", "{request}", "Requests whose client went away before the end.");
        meter.CreateObservableGauge("coppice.request.inside", () => gate.Inside, "{request}", "Requests that are worked on or wait.");
        EngineInstruments.Add(meter, model.Engine);
    }

    /// <summary>A request's first token came.</summary>
    public void FirstToken(TimeSpan sinceArrival) => _firstToken.Record(sinceArrival.TotalSeconds);

    /// <summary>A request ended well.</summary>
    public void Finished(TimeSpan sinceArrival, IEnumerable<GenerationResult> results)
    {
        _whole.Record(sinceArrival.TotalSeconds);
        foreach (GenerationResult result in results)
            if (result.Timings.Steps > 0) _perToken.Record(result.Timings.Decode.TotalSeconds / result.Timings.Steps);
    }

    /// <summary>A client went away.</summary>
    public void Vanished() => _vanished.Add(1);

    private static Histogram<double> Histogram(Meter meter, string name, string description, double[] bounds) =>
        meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
