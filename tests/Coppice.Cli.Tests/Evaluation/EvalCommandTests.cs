using System.Text.Json;
using Coppice.Cli.Evaluation;

namespace Coppice.Cli.Tests.Evaluation;

public sealed class EvalCommandTests : IDisposable
{
    private const string Problems = """
        {"id":"first","prompt":"tuna","test":"ok"}
        {"id":"second","prompt":"make 24 from 3 8 8 2:"}
        {"id":"third","prompt":"x"}
        """;

    private static readonly string[] Tiny = ["--random", "tiny:q8_0", "--threads", "1", "--max-tokens", "5"];
    private readonly TemporaryFolder _folder = new();

    public EvalCommandTests() => File.WriteAllText(_folder["problems.jsonl"], Problems);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Puzzles_are_reported_in_the_documented_form()
    {
        CommandRun run = await CommandRun.Of(["eval", "puzzles", "-n", "4", "-k", "1,3", "--limit", "3", "--json", .. Tiny]);
        Assert.Equal(0, run.Code);
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(
            ["set", "model", "problems", "samples", "pass_at_k", "pass_at_top3", "majority", "seconds", "runs"], root.EnumerateObject().Select(p => p.Name));
        Assert.Equal((3, 4), (root.GetProperty("problems").GetInt32(), root.GetProperty("samples").GetInt32()));
        Assert.Equal(["1", "3"], root.GetProperty("pass_at_k").EnumerateObject().Select(p => p.Name));
        Assert.Equal(0, root.GetProperty("pass_at_k").GetProperty("3").GetDouble());
        Assert.True(root.GetProperty("seconds").GetDouble() > 0);
    }

    [Fact]
    public async Task A_command_judges_programs_and_the_report_is_the_mean_over_problems()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command is of a Unix shell");
        // Right is what belongs to the first problem, whose program holds its prompt and test, and half of the third's samples.
        string command = $"grep -q '\"first\"' {{problem}} && grep -q '^tuna' {{file}} && grep -q '^ok' && exit 0; "
            + $"grep -q third {{problem}} && mkdir {_folder["once"]}";
        CommandRun run = await Eval("-n", "2", "--verify", command, "--verify-jobs", "1", "--results", _folder["r.jsonl"]);
        Assert.Equal(0, run.Code);
        EvalReport report = Parse(run);
        Assert.Equal((3, 2), (report.Problems, report.Samples));
        Assert.Equal(0.5, report.PassAtK["1"], 1e-12); // (1 + 0 + 1/2) / 3
        Assert.Equal(2 / 3.0, report.PassAtK["2"], 1e-12);
        Assert.Equal(2 / 3.0, report.PassAtTop3, 1e-12);
        string[] lines = await File.ReadAllLinesAsync(_folder["r.jsonl"]);
        Assert.Equal(4, lines.Length);
        Assert.Contains("\"reason\":\"exit 1", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Finished_problems_are_not_repeated_and_a_part_has_the_samples_of_the_whole()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command is of a Unix shell");
        string[] args = ["-n", "1,3", "--attention", "both", "--verify", $"echo x >>{_folder["log"]}; grep -q e"];
        EvalReport whole = Parse(await Eval([.. args, "--results", _folder["whole.jsonl"]]));
        Assert.Equal([(1, "bifurcated"), (1, "repeated"), (3, "bifurcated"), (3, "repeated")], whole.Runs.Select(run => (run.Samples, run.Attention)));
        Assert.Equal(whole.Runs[2].PassAtK, whole.Runs[3].PassAtK);
        // The samples of all runs of a problem are the same, and equal ones are judged once.
        Assert.Equal(9, (await File.ReadAllLinesAsync(_folder["log"])).Length);

        EvalReport part = Parse(await Eval([.. args, "--results", _folder["part.jsonl"], "--limit", "1"]));
        Assert.Equal(1, part.Problems);
        EvalReport rest = Parse(await Eval([.. args, "--results", _folder["part.jsonl"]]));
        Assert.Equal(Texts("whole.jsonl").Order(StringComparer.Ordinal), Texts("part.jsonl").Order(StringComparer.Ordinal));
        Assert.Equal(whole.PassAtK, rest.PassAtK);

        File.Delete(_folder["log"]);
        byte[] before = await File.ReadAllBytesAsync(_folder["part.jsonl"]);
        Assert.Equal(rest.Seconds, Parse(await Eval([.. args, "--results", _folder["part.jsonl"]])).Seconds);
        Assert.False(File.Exists(_folder["log"]));
        Assert.Equal(before, await File.ReadAllBytesAsync(_folder["part.jsonl"]));
        (await Eval([.. args, "--results", _folder["part.jsonl"], "--seed", "2"])).HasOneErrorLine(2, "part.jsonl", "seed", "2");
        (await Eval([.. args, "--results", _folder["part.jsonl"], "--random", "tiny:q4_0"], model: false)).HasOneErrorLine(2, "part.jsonl", "model", "tiny:q4_0");
    }

    [Fact]
    public async Task A_run_that_is_killed_goes_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command is of a Unix shell");
        string[] args = ["eval", _folder["problems.jsonl"], "-n", "2", "--json", .. Tiny, "--verify", $"if grep -q third {{problem}}; then while [ -e {_folder["problems.jsonl"]} ] && [ ! -e {_folder["go"]} ]; do sleep 0.05; done; fi", "--verify-timeout", "3600", "--results", _folder["r.jsonl"]];
        using (CommandProcess killed = CommandProcess.Start(args))
        {
            while (!File.Exists(_folder["r.jsonl"]) || Lines("r.jsonl").Length < 3) await Task.Delay(20);
        }

        await File.AppendAllTextAsync(_folder["r.jsonl"], "{\"problem\":\"thi");
        await File.WriteAllTextAsync(_folder["go"], "");
        string[] before = Lines("r.jsonl");
        EvalReport report = Parse(await CommandRun.Of(args));
        Assert.Equal((3, 1.0), (report.Problems, report.PassAtK["2"]));
        Assert.Equal(before[..3], Lines("r.jsonl")[..3]);
        Assert.Equal(4, Lines("r.jsonl").Length);
    }

    [Fact]
    public async Task Ctrl_C_reports_what_is_done()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent with kill");
        using CommandProcess command = CommandProcess.Start(
            ["eval", _folder["problems.jsonl"], "-n", "2", "--json", .. Tiny, "--verify", $"if grep -q third {{problem}}; then touch {_folder["hangs"]}; sleep 300; fi", "--chart", _folder["c.png"]]);
        while (!File.Exists(_folder["hangs"])) await Task.Delay(20);
        command.Interrupt();
        CommandRun run = await command.End();
        Assert.Equal(130, run.Code);
        EvalReport report = Parse(run);
        Assert.Equal((2, 1.0), (report.Problems, report.PassAtK["1"]));
        Assert.True(File.Exists(_folder["c.png"]));
    }

    [Fact]
    public async Task Cancelled_before_anything_is_done_it_says_so()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        (await CommandRun.Of(cancel.Token, ["eval", "puzzles", "--limit", "1", .. Tiny])).HasOneErrorLine(130, "interrupted");
    }

    [Fact]
    public async Task The_table_for_people_has_a_row_a_run_and_files_are_written()
    {
        CommandRun run = await CommandRun.Of(
            ["eval", "puzzles", "-n", "1,2", "--limit", "2", .. Tiny, "--markdown", _folder["t.md"], "--chart", _folder["c.png"]]);
        Assert.Equal(0, run.Code);
        string[] lines = run.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.Contains("pass@2", lines[1], StringComparison.Ordinal);
        Assert.Equal(7, Lines("t.md").Length);
        Assert.True(File.Exists(_folder["c.png"]));
    }

    [Theory]
    [InlineData("nothing", 2, "--verify", "python3 {file}", "none")]
    [InlineData("--verify puzzle", 2, "--verify", "'tuna'")]
    [InlineData("--verify no-such-program-here", 2, "--verify", "no-such-program-here")]
    [InlineData("--verify true -k 33", 2, "--pass-at", "32", "33")]
    [InlineData("--verify true -n 2,0", 2, "--samples", "'0'")]
    [InlineData("--verify true -n 4 -k 8", 2, "--pass-at", "4", "8")]
    [InlineData("--verify true --limit 0", 2, "--limit", "'0'")]
    [InlineData("--verify true --max-tokens 9999", 2, "--max-tokens", "'first'", "9999")]
    [InlineData("--verify true --attention none", 2, "--attention", "'none'")]
    [InlineData("--verify true --top-p 2", 2, "top-p")]
    [InlineData("--verify true --chart chart.svg", 2, "--chart", ".png")]
    [InlineData("--verify true --chart no/where.png", 1, "--chart", "folder")]
    [InlineData("--verify true --results no/where.jsonl", 1, "--results", "folder")]
    [InlineData("--verify true --markdown no/where.md", 1, "--markdown", "folder")]
    [InlineData("--verify-jobs 2", 2, "--verify-jobs")]
    public async Task Wrong_options_end_with_one_line(string options, int code, params string[] parts)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the commands are of a Unix shell");
        string[] given = options == "nothing" ? [] : options.Split(' ');
        string[] tokens = given.Contains("--max-tokens") ? [] : ["--max-tokens", "5"];
        (await CommandRun.Of(["eval", _folder["problems.jsonl"], "--random", "tiny:q8_0", .. tokens, .. given])).HasOneErrorLine(code, parts);
    }

    [Fact]
    public async Task Files_that_are_missing_or_hold_something_else_end_with_code_1()
    {
        (await CommandRun.Of(["eval", _folder["none.jsonl"], "--verify", "true", .. Tiny])).HasOneErrorLine(1, "none.jsonl");
        await File.WriteAllTextAsync(_folder["bad.jsonl"], "{\"prompt\":\"a\"}\n{\"a\":1}\n");
        (await CommandRun.Of(["eval", _folder["bad.jsonl"], "--verify", "true", .. Tiny])).HasOneErrorLine(1, "bad.jsonl", "line 2");
        (await Eval("--verify", "true", "--results", _folder["problems.jsonl"])).HasOneErrorLine(1, "problems.jsonl", "another file");
        await File.WriteAllTextAsync(_folder["page.md"], "a page");
        (await Eval("--verify", "true", "--markdown", _folder["page.md"])).HasOneErrorLine(1, "page.md");
        (await CommandRun.Of("eval", "puzzles", "-m", _folder["missing.gguf"])).HasOneErrorLine(1, "missing.gguf");
        (await CommandRun.Of("eval")).HasOneErrorLine(2, "set is missing");
    }

    private Task<CommandRun> Eval(params string[] args) => Eval(args, model: true);

    private Task<CommandRun> Eval(string[] args, bool model) =>
        CommandRun.Of(["eval", _folder["problems.jsonl"], "--json", .. model ? Tiny : Tiny[2..], .. args]);

    private string[] Lines(string file) => CommandProcess.Lines(_folder[file]);

    /// <summary>What is in the results besides times.</summary>
    private IEnumerable<string> Texts(string file) => Lines(file).Skip(1).Select(line =>
    {
        EvalOutcome outcome = JsonSerializer.Deserialize(line, CommandJson.Readable.EvalOutcome)!;
        return $"{outcome.Problem} {outcome.Samples} {outcome.Attention} {string.Join('|', outcome.Choices)}";
    });

    private static EvalReport Parse(CommandRun run) => JsonSerializer.Deserialize(run.Output, CommandJson.Readable.EvalReport)!;
}
