using System.Text.Json;

namespace Coppice.PeerBench.Tests;

public sealed class PeerResultsTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    private static readonly PeerRun s_run = new(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), 2, new MachineSpeed(1.98, 41), null);

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_later_run_goes_on_from_the_finished_rows()
    {
        Measure(Sample.Row(512, 1, 1.1, 30, ("fa,unified", 2, 20)));
        PeerResults later = PeerResults.Open(_path, Sample.Conditions, fresh: false);
        PeerRow[] plan = [new("shape:q8_0", 512, 1), new("shape:q8_0", 512, 32)];
        Assert.Equal(["shape:q8_0/512/32"], later.Missing(plan).Select(row => row.Name));
        Assert.Equal(1, later.Begin(s_run));
        later.Add(Sample.Row(512, 32, 3.5, 30, ("fa,unified", 2, 20)) with { Run = 1 });
        PeerDocument both = PeerResults.Open(_path, Sample.Conditions, fresh: false).Document;
        Assert.Equal([0, 1], both.Rows.Select(row => row.Run));
        Assert.Equal([new MachineSpeed(1.97, 40), null], both.Runs.Select(run => run.End));
        Assert.Equal([1.0, 2.0], both.Rows[0].LlamaCpp.Seconds);
    }

    [Fact]
    public void Fresh_results_replace_the_file_with_the_first_row()
    {
        Measure(Sample.Row(512, 1, null, 30, ("fa,unified", 2, 20)));
        PeerResults fresh = PeerResults.Open(_path, Sample.Conditions with { Tokens = 4 }, fresh: true);
        Assert.Empty(fresh.Document.Rows);
        fresh.Begin(s_run);
        fresh.End(new MachineSpeed(2, 40));
        Assert.Single(PeerResults.Open(_path, Sample.Conditions, fresh: false).Document.Rows);
        fresh.Add(Sample.Row(2048, 1, null, 30, ("fa,unified", 2, 20)));
        Assert.Equal(2048, Assert.Single(PeerResults.Open(_path, Sample.Conditions with { Tokens = 4 }, fresh: false).Document.Rows).Context);
    }

    [Fact]
    public void Rows_of_other_conditions_are_not_mixed_in()
    {
        Measure(Sample.Row(512, 1, null, 30, ("fa,unified", 2, 20)));
        RequestRejectedException error = Assert.Throws<RequestRejectedException>(
            () => PeerResults.Open(_path, Sample.Conditions with { Repeats = 3 }, fresh: false));
        Assert.Contains("--repeats: '5', now '3'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("null")]
    [InlineData("{}")]
    public void A_file_of_something_else_is_refused(string text)
    {
        File.WriteAllText(_path, text);
        RequestRejectedException error = Assert.Throws<RequestRejectedException>(() => PeerResults.Open(_path, Sample.Conditions, fresh: false));
        Assert.StartsWith(_path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_document_says_in_words_what_it_holds()
    {
        RowResult row = Sample.Row(512, 32, 3.5, 200, ("fa,unified", 2, 50)) with { LeftOut = [new LeftOut("fa,streams", "is too large")] };
        using JsonDocument json = JsonDocument.Parse(PeerJson.Write(Sample.Document(row)));
        JsonElement root = json.RootElement;
        Assert.Equal(["conditions", "runs", "rows"], root.EnumerateObject().Select(property => property.Name));
        Assert.Equal(
            ["machine", "llama_cpp", "coppice", "models", "threads", "tokens", "repeats", "cache", "settings"],
            root.GetProperty("conditions").EnumerateObject().Select(property => property.Name));
        Assert.Equal(0, root.GetProperty("runs")[0].GetProperty("flags").GetArrayLength());
        JsonElement first = root.GetProperty("rows")[0];
        Assert.Equal<HashSet<string>>(
            ["name", "model", "context", "samples", "floor", "run", "engines", "left_out", "best_setting", "ratio", "met"],
            first.EnumerateObject().Select(property => property.Name).ToHashSet());
        Assert.Equal((4.0, true), (first.GetProperty("ratio").GetDouble(), first.GetProperty("met").GetBoolean()));
    }

    private void Measure(RowResult row)
    {
        PeerResults results = PeerResults.Open(_path, Sample.Conditions, fresh: false);
        results.Begin(s_run);
        results.Add(row);
        results.End(new MachineSpeed(1.97, 40));
    }
}
