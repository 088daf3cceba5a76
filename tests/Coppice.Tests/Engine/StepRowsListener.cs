using System.Diagnostics.Metrics;

namespace Coppice.Tests.Engines;

/// <summary>Hears how many rows each step has, from the engines that work while it lives.</summary>
internal sealed class StepRowsListener : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly List<int> _rows = [];

    public StepRowsListener()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Coppice" && instrument.Name == "coppice.step.rows") listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((_, rows, _, _) =>
        {
            lock (_rows) _rows.Add(rows);
        });
        _listener.Start();
    }

    public int[] Seen()
    {
        lock (_rows) return [.. _rows];
    }

    public void Dispose() => _listener.Dispose();
}
