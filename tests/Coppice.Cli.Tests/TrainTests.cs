using Coppice.Graphs;
using Coppice.Graphs.Training;

namespace Coppice.Cli.Tests;

public sealed class TrainTests : IDisposable
{
    private const string Recipe = """
        { "name": "tiny", "layers": 1, "width": 32, "heads": 2, "kvHeads": 1, "feedForward": 48, "rows": 4, "length": 16,
          "steps": 60, "learningRate": 0.01, "warmupSteps": 5, "averageDecay": 0.9 }
        """;

    private readonly TemporaryFolder _folder = new();

    public TrainTests()
    {
        File.WriteAllText(_folder["recipe.json"], Recipe);
        File.WriteAllText(_folder["text.txt"], string.Concat(Enumerable.Repeat("one root, many stems. ", 100)));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_trained_model_is_a_file_that_other_commands_run_with_curve_and_checkpoint_beside_it()
    {
        CommandRun run = await CommandRun.Of(Arguments("model.gguf"));
        Assert.Equal(0, run.Code);
        Assert.Contains("60 of 60 steps", run.Output, StringComparison.Ordinal);
        Assert.Equal(["model.checkpoint.safetensors", "model.curve.csv", "model.curve.png", "model.gguf", "recipe.json", "text.txt"], _folder.Files.Order());
        IReadOnlyList<CurvePoint> curve = CurveFile.Read(_folder["model.curve.csv"]);
        Assert.True(curve[^1].Held < curve[0].Held / 2, $"held out: {curve[0].Held}, then {curve[^1].Held}");
        CommandRun sample = await CommandRun.Of("sample", "-m", _folder["model.gguf"], "-p", "one root, ", "-n", "2", "--max-tokens", "8");
        Assert.Equal(0, sample.Code);
    }

    [Fact]
    public async Task A_run_that_is_killed_again_and_again_ends_in_the_same_model()
    {
        await CommandRun.Of([.. Arguments("whole.gguf"), "--steps", "3000"]);
        string checkpoint = _folder["broken.checkpoint.safetensors"];
        var random = new Random(1);
        long reached = 0;
        for (int kill = 0; kill < 2; kill++)
        {
            using CommandProcess process = CommandProcess.Start([.. Arguments("broken.gguf"), "--steps", "3000", "--checkpoint-every", "1"]);
            while (await process.ErrorLine() is { } line && !line.StartsWith("step", StringComparison.Ordinal))
            {
            }

            await Task.Delay(random.Next(200, 1500), TestContext.Current.CancellationToken);
            await process.KillAsync();
            if (!File.Exists(checkpoint)) continue;
            long step = long.Parse(Safetensors.Read(checkpoint).Metadata["step"], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(step >= reached, $"step {step} after {reached}");
            reached = step;
        }

        CommandRun last = await CommandRun.Of([.. Arguments("broken.gguf"), "--steps", "3000"]);
        Assert.Equal(0, last.Code);
        Assert.Equal(await File.ReadAllBytesAsync(_folder["whole.gguf"], TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(_folder["broken.gguf"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_interrupted_run_saves_and_says_so()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        CommandRun run = await CommandRun.Of(cancel.Token, Arguments("model.gguf"));
        Assert.Equal(130, run.Code);
        Assert.Contains("goes on from here", run.Error, StringComparison.Ordinal);
        Assert.Contains("model.checkpoint.safetensors", _folder.Files);
    }

    [Fact]
    public async Task Another_recipe_does_not_go_on_from_the_checkpoint()
    {
        await CommandRun.Of([.. Arguments("model.gguf"), "--steps", "2"]);
        CommandRun run = await CommandRun.Of(Arguments("model.gguf"));
        Assert.Equal(1, run.Code);
        Assert.Contains("expected \"steps\": ", run.Error, StringComparison.Ordinal);
        Assert.Contains(", found \"steps\": 2;", run.Error, StringComparison.Ordinal);
        string text = await File.ReadAllTextAsync(_folder["text.txt"], TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder["text.txt"], string.Concat(text.Reverse()), TestContext.Current.CancellationToken);
        Assert.Equal(1, (await CommandRun.Of([.. Arguments("model.gguf"), "--steps", "2"])).Code);
    }

    [Theory]
    [InlineData("""{ "layers": 0 }""", "layers", "found 0")]
    [InlineData("""{ "widht": 32 }""", "widht")]
    [InlineData("""{ "width": 30 }""", "width", "multiple of 64")]
    [InlineData("""{ "type": "f12" }""", "type", "f12")]
    [InlineData("""{ "puzzles": [{ "max": 99 }] }""", "puzzles.max")]
    [InlineData("""{ "puzzles": [] }""", "puzzles", "none")]
    [InlineData("""{ "puzzles": null }""", "recipe in JSON")]
    [InlineData("""{ "puzzles": [null] }""", "puzzles", "null")]
    [InlineData("""{ "puzzles": [{ "count": 4, "toTarget": 100 }] }""", "puzzles.toTarget")]
    [InlineData("""{ "name": null }""", "recipe in JSON")]
    [InlineData("hello", "recipe in JSON")]
    public async Task A_wrong_recipe_is_refused_by_name(string recipe, params string[] parts)
    {
        await File.WriteAllTextAsync(_folder["recipe.json"], recipe, TestContext.Current.CancellationToken);
        (await CommandRun.Of(Arguments("model.gguf"))).HasOneErrorLine(2, parts);
    }

    [Fact]
    public async Task Wrong_requests_are_refused_by_name()
    {
        (await CommandRun.Of("train", "lm", "--task", "text", "--out", _folder["x.gguf"])).HasOneErrorLine(2, "--text");
        (await CommandRun.Of("train", "lm", "--task", "chess", "--out", _folder["x.gguf"])).HasOneErrorLine(2, "chess");
        (await CommandRun.Of("train", "lm", "--task", "puzzles", "--text", "a", "--out", _folder["x.gguf"])).HasOneErrorLine(2, "--text");
        (await CommandRun.Of("train", "lm", "--task", "text", "--text", _folder["none.txt"], "--out", _folder["x.gguf"])).HasOneErrorLine(1, "none.txt");
        (await CommandRun.Of("train", "lm", "--task", "puzzles", "--out", _folder["none/x.gguf"])).HasOneErrorLine(1, "folder");
        (await CommandRun.Of("train", "lm", "--task", "puzzles", "--out", Path.GetTempPath())).HasOneErrorLine(2, "--out");
        await File.WriteAllTextAsync(_folder["text.txt"], "short", TestContext.Current.CancellationToken);
        (await CommandRun.Of(Arguments("x.gguf"))).HasOneErrorLine(2, "text", "170 characters");
    }

    private string[] Arguments(string model) =>
        ["train", "lm", "--task", "text", "--text", _folder["text.txt"], "--config", _folder["recipe.json"], "--threads", "1", "--out", _folder[model]];
}
