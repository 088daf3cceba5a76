using Coppice.Cli.Evaluation;
using Coppice.Kernels.Attention;

namespace Coppice.Cli.Tests.Evaluation;

public sealed class EvalResultsTests : IDisposable
{
    private static readonly EvalSettings Settings = new(1, "set", "model (7 bytes, ab)", "puzzle", 0.8, 0, 0.95, 0, 1, 24, null, "f16", "packed", "avx2", 2);
    private static readonly EvalRun Run = new(2, AttentionMode.Bifurcated);
    private static readonly EvalRun Other = new(2, AttentionMode.Repeated);
    private static readonly EvalProblem[] Problems = [new("a", "a"), new("b", "b"), new("c \u00fc", "c")];
    private readonly TemporaryFolder _folder = new();

    private string File_ => _folder["results.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_finished_is_there_the_next_time()
    {
        using (EvalResults first = EvalResults.Open(File_, Settings))
        {
            Assert.False(first.Has("a", Run));
            first.Add(Run, Outcome("a", Run));
            first.Add(Other, Outcome("b", Other));
        }

        using EvalResults again = EvalResults.Open(File_, Settings);
        Assert.True(again.Has("a", Run));
        Assert.False(again.Has("a", Other));
        Assert.False(again.Has("a", Run with { Samples = 3 }));
        EvalOutcome found = Assert.Single(again.Of(Run, Problems));
        Assert.Equal(Outcome("a", Run) with { Choices = found.Choices }, found);
        Assert.Equal(Outcome("a", Run).Choices, found.Choices);
        Assert.Equal("b", Assert.Single(again.Of(Other, Problems)).Problem);
    }

    [Fact]
    public void A_line_is_in_the_file_as_soon_as_it_is_added()
    {
        using EvalResults results = EvalResults.Open(File_, Settings);
        results.Add(Run, Outcome("a", Run));
        Assert.Equal(2, CommandProcess.Lines(File_).Length);
    }

    [Fact]
    public void A_file_cut_anywhere_keeps_its_whole_lines_and_goes_on()
    {
        using (EvalResults results = EvalResults.Open(File_, Settings))
            foreach (EvalProblem problem in Problems) results.Add(Run, Outcome(problem.Key, Run));
        byte[] whole = File.ReadAllBytes(File_);
        for (int length = 0; length <= whole.Length; length++)
        {
            // Everywhere near the end of a line, here and there within.
            if (length % 17 != 0 && !whole.AsSpan(Math.Max(0, length - 2)..Math.Min(whole.Length, length + 2)).Contains((byte)'\n')) continue;
            File.WriteAllBytes(File_, whole[..length]);
            using (EvalResults results = EvalResults.Open(File_, Settings))
            {
                int lines = whole[..length].Count(b => b == '\n');
                Assert.Equal(Math.Max(0, lines - 1), results.Of(Run, Problems).Count);
                foreach (EvalProblem problem in Problems.Where(problem => !results.Has(problem.Key, Run))) results.Add(Run, Outcome(problem.Key, Run));
            }

            Assert.Equal(whole, File.ReadAllBytes(File_));
        }
    }

    [Fact]
    public void Results_of_other_settings_are_refused_by_the_setting_and_left_alone()
    {
        using (EvalResults.Open(File_, Settings))
        {
        }

        byte[] before = File.ReadAllBytes(File_);
        (EvalSettings Changed, string Name)[] cases =
        [
            (Settings with { Model = "model (7 bytes, cd)" }, "model"), (Settings with { Temperature = 1 }, "temperature"),
            (Settings with { Stop = ["x"] }, "stop"), (Settings with { Verify = "python3 (10 s, 5 bytes)" }, "verify"), (Settings with { Threads = 1 }, "threads"),
        ];
        foreach ((EvalSettings changed, string name) in cases)
        {
            string message = Assert.Throws<RequestRejectedException>(() => EvalResults.Open(File_, changed)).Message;
            Assert.Contains("results.jsonl: expected", message, StringComparison.Ordinal);
            Assert.Contains($"this run's {name}, ", message, StringComparison.Ordinal);
            Assert.Equal(before, File.ReadAllBytes(File_));
        }
    }

    [Theory]
    [InlineData("a letter to a friend")]
    [InlineData("a letter\nto a friend\n")]
    [InlineData("{\"set\":\"puzzles\"}\n")]
    [InlineData("\n")]
    [InlineData("5\n")]
    public void Another_file_is_refused_and_left_alone(string text)
    {
        File.WriteAllText(File_, text);
        Assert.Contains("another file", Assert.Throws<IOException>(() => EvalResults.Open(File_, Settings)).Message, StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(File_));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"problem\":\"a\",\"samples\":2,\"attention\":\"bifurcated\",\"choices\":[{\"text\":\"x\"}]}")]
    [InlineData("{\"problem\":\"a\",\"samples\":0,\"attention\":\"bifurcated\",\"choices\":[]}")]
    [InlineData("{\"problem\":\"a\",\"samples\":1,\"attention\":\"other\",\"choices\":[{\"text\":\"x\"}]}")]
    [InlineData("{\"problem\":\"a\",\"samples\":1,\"attention\":\"repeated\",\"choices\":[null]}")]
    [InlineData("{\"problem\":\"a\"")]
    [InlineData("")]
    public void A_damaged_line_is_said_with_its_number(string line)
    {
        using (EvalResults.Open(File_, Settings))
        {
        }

        File.AppendAllText(File_, line + "\n");
        Assert.Contains("results.jsonl: line 2: expected", Assert.Throws<IOException>(() => EvalResults.Open(File_, Settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_do_not_write_one_file()
    {
        using EvalResults first = EvalResults.Open(File_, Settings);
        Assert.ThrowsAny<IOException>(() => EvalResults.Open(File_, Settings));
    }

    [Fact]
    public void Models_are_told_apart_by_their_bytes()
    {
        string one = _folder["one"], two = _folder["two"];
        foreach (int length in new[] { 0, 1, 65_536, 65_537, 9_000_000 })
        {
            var bytes = new byte[length];
            File.WriteAllBytes(one, bytes);
            Assert.Equal(FileIdentity.Of(one), FileIdentity.Of(one));
            if (length == 0) continue;
            bytes[^1] = 1;
            File.WriteAllBytes(two, bytes);
            Assert.NotEqual(FileIdentity.Of(one), FileIdentity.Of(two));
        }
    }

    private static EvalOutcome Outcome(string problem, EvalRun run) => new(
        problem, run.Samples, Spelling.Of(run.Attention), 9, 7, 0.25, 0.5, 1234,
        [new EvalChoice("1+2", -0.25, true, null), new EvalChoice("\u00fc\n\"", null, false, "it ends")]);
}
