namespace Coppice.Cli.Tests.Perception;

public sealed class TrainPerceptionTests
{
    private const string Recipe = """
        { "width": 96, "height": 64, "warmupSteps": 1, "averageDecay": 0,
          "stages": [ { "steps": 2, "batch": 2, "width": 96, "height": 64, "minScale": 0.9, "maxScale": 1.1 } ] }
        """;

    [Theory]
    [InlineData("--data synthetic --out a.safetensors", "--tasks")]
    [InlineData("--data synthetic --tasks distance --out a.safetensors", "--tasks", "distance (with det)", "'distance'")]
    [InlineData("--data synthetic --tasks det,depth --out a.safetensors", "--tasks", "'det,depth'")]
    [InlineData("--data synthetic --tasks det --variant resnet34 --out a.safetensors", "--variant", "resnet50", "'resnet34'")]
    [InlineData("--data synthetic:0 --tasks det --out a.safetensors", "--data", "synthetic[:N]", "'synthetic:0'")]
    [InlineData("--data moon:DIR --tasks det --out a.safetensors", "--data", "'moon:DIR'")]
    [InlineData("--data synthetic:2 --tasks det --out .", "--out", "a file")]
    public async Task A_wrong_request_ends_with_code_2_and_one_line_that_names_what_is_wrong(string line, params string[] parts)
    {
        (await CommandRun.Of(["train", "perception", .. line.Split(' ')])).HasOneErrorLine(2, parts);
        Assert.False(File.Exists("a.safetensors"));
    }

    [Fact]
    public async Task All_tasks_are_learned_on_streets_and_a_second_run_finds_nothing_left_to_do()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["recipe.json"], Recipe);
        string[] arguments =
        [
            "train", "perception", "--data", "synthetic:6", "--images", "4", "--tasks", "det,distance,seg", "--config", folder["recipe.json"],
            "--out", folder["streets.safetensors"], "--threads", "1",
        ];
        CommandRun run = await CommandRun.Of(arguments);
        Assert.Equal(0, run.Code);
        Assert.Contains("mAP ", run.Error, StringComparison.Ordinal);
        Assert.Contains("mean IoU ", run.Error, StringComparison.Ordinal);
        Assert.Equal(["recipe.json", "streets.checkpoint.safetensors", "streets.curve.csv", "streets.safetensors"], folder.Files.Order());
        byte[] weights = File.ReadAllBytes(folder["streets.safetensors"]);
        Assert.Equal(0, (await CommandRun.Of(arguments)).Code);
        Assert.Equal(weights, File.ReadAllBytes(folder["streets.safetensors"]));
        (await CommandRun.Of([.. arguments[..7], "det", .. arguments[8..]])).HasOneErrorLine(1, "streets.checkpoint.safetensors", "other settings");
    }
}
