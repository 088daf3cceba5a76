using System.Diagnostics.Metrics;

namespace Coppice.Server;

/// <summary>What the server measures of requests; the engine's own numbers come from its meter, <c>Coppice</c>.</summary>
internal sealed class ServerMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Coppice.Server";

    /// <summary>Bounds of the buckets of times of requests.</summary>
    public static readonly double[] Seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

    /// <summary>Bounds of the buckets of times of single tokens.</summary>
    public static readonly double[] TokenSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

    private readonly Histogram<double> _firstToken, _whole, _perception;
    private long _vanished;

    /// <summary>Makes the instruments.</summary>
    public ServerMetrics(IMeterFactory factory, RequestGate gate, PerceptionQueue? pictures = null)
    {
        Meter meter = factory.Create(MeterName);
        _firstToken = Histogram(meter, "coppice.request.time_to_first_token", "From a request's arrival to the first token of any of its samples.");
        _whole = Histogram(meter, "coppice.request.duration", "From a request's arrival to its last token.");
        _perception = Histogram(meter, "coppice.perception.duration", "Decoding and perceiving one picture.");
        if (pictures is not null) meter.CreateObservableGauge("coppice.perception.inside", () => pictures.Inside, "{picture}", "Pictures that are perceived or wait.");
        meter.CreateObservableCounter("coppice.request.vanished", () => Interlocked.Read(ref _vanished), "{request}", "Requests whose client went away before the end.");
        meter.CreateObservableGauge("coppice.request.inside", () => gate.Inside, "{request}", "Requests that are worked on or wait.");
    }

    /// <summary>A request's first token came.</summary>
    public void FirstToken(TimeSpan sinceArrival) => _firstToken.Record(sinceArrival.TotalSeconds);

    /// <summary>A request ended well.</summary>
    public void Finished(TimeSpan sinceArrival) => _whole.Record(sinceArrival.TotalSeconds);

    /// <summary>A picture was perceived.</summary>
    public void Perceived(TimeSpan duration) => _perception.Record(duration.TotalSeconds);

    /// <summary>A client went away.</summary>
    public void Vanished() => Interlocked.Increment(ref _vanished);

    private static Histogram<double> Histogram(Meter meter, string name, string description) =>
        meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds });
}
