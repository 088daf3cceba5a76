using System.Text.Json;

namespace Coppice.PeerBench;

/// <summary>The document as it grows; with a file, each finished row is on disk at once, and a later run goes on from there.</summary>
internal sealed class PeerResults
{
    private readonly string? _path;
    private readonly List<PeerRun> _runs;
    private readonly List<RowResult> _rows;
    private readonly PeerConditions _conditions;

    private PeerResults(string? path, PeerConditions conditions, PeerDocument? earlier)
    {
        (_path, _conditions) = (path, conditions);
        _runs = [.. earlier?.Runs ?? []];
        _rows = [.. earlier?.Rows ?? []];
    }

    /// <summary>What is known so far.</summary>
    public PeerDocument Document => new(_conditions, [.. _runs], [.. _rows]);

    /// <summary>Opens a file of results, or begins without one.</summary>
    /// <param name="path">The file; null keeps results in memory.</param>
    /// <param name="conditions">What this run measures under.</param>
    /// <param name="fresh">Leave what the file holds; the first finished row replaces it.</param>
    /// <exception cref="RequestRejectedException">The file holds something else, or rows measured under other conditions.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static PeerResults Open(string? path, PeerConditions conditions, bool fresh)
    {
        if (path is null || fresh || !File.Exists(path)) return new PeerResults(path, conditions, null);
        PeerDocument earlier = Read(path);
        return conditions.DifferenceFrom(earlier.Conditions) is { } difference
            ? throw new RequestRejectedException(path, "rows measured under the conditions of this run (--fresh replaces them)", difference)
            : new PeerResults(path, conditions, earlier);
    }

    /// <summary>The rows of a plan that are not finished.</summary>
    public IReadOnlyList<PeerRow> Missing(IEnumerable<PeerRow> plan) =>
        [.. plan.Where(row => !_rows.Exists(done => done.Name == row.Name))];

    /// <summary>Adds a run that begins now.</summary>
    /// <returns>Its index.</returns>
    public int Begin(PeerRun run)
    {
        _runs.Add(run);
        return _runs.Count - 1;
    }

    /// <summary>Adds a finished row and saves.</summary>
    public void Add(RowResult row)
    {
        _rows.Add(row);
        Save();
    }

    /// <summary>Notes what the machine gave at the end of the latest run, and saves where that run finished a row.</summary>
    public void End(MachineSpeed speed)
    {
        _runs[^1] = _runs[^1] with { End = speed };
        if (_rows.Exists(row => row.Run == _runs.Count - 1)) Save();
    }

    private static PeerDocument Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), PeerJson.Readable.PeerDocument) ?? throw new JsonException("null");
        }
        catch (JsonException error)
        {
            throw new RequestRejectedException(path, "results of an earlier run (--fresh replaces them)", error.Message);
        }
    }

    /// <summary>A file that is there is replaced as a whole.</summary>
    private void Save()
    {
        if (_path is null) return;
        string partial = _path + ".partial";
        File.WriteAllText(partial, PeerJson.Write(Document) + "\n");
        File.Move(partial, _path, overwrite: true);
    }
}
