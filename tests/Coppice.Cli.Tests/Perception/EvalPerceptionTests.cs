using System.Text.Json;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Cli.Tests.Perception;

public sealed class EvalPerceptionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Streets_are_reported_in_the_documented_form_with_a_page_beside()
    {
        string all = Untrained("all", PerceptionTasks.All), boxes = Untrained("boxes", PerceptionTasks.Detection | PerceptionTasks.Distance);
        CommandRun run = await Eval("--data", "synthetic:5", "--weights", all, "--compare", boxes, "--limit", "4", "--threads", "1", "--report", _folder["report"], "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(["miou", "iou", "pixel_accuracy", "images"], root.EnumerateObject().Take(4).Select(p => p.Name));
        Assert.Equal(4, root.GetProperty("images").GetInt32());
        Assert.InRange(root.GetProperty("miou").GetDouble(), 0, 1);
        Assert.InRange(root.GetProperty("pixel_accuracy").GetDouble(), 0, 1);
        Assert.InRange(root.GetProperty("map").GetDouble(), 0, 1);
        Assert.Equal(SceneClasses.Street, root.GetProperty("iou").EnumerateObject().Select(p => p.Name));
        Assert.Equal(SceneClasses.Objects, root.GetProperty("ap").EnumerateObject().Select(p => p.Name));
        Assert.Equal(JsonValueKind.Null, root.GetProperty("ap").GetProperty("train").ValueKind); // No trains in these streets.
        JsonElement other = Assert.Single(root.GetProperty("compared").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, other.GetProperty("miou").ValueKind);
        Assert.Equal(root.GetProperty("data").GetString(), other.GetProperty("data").GetString());

        string page = await File.ReadAllTextAsync(_folder["report/index.html"]);
        Assert.DoesNotContain("http", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("boxes.safetensors", page, StringComparison.Ordinal);
        string[] pictures = Directory.GetFiles(_folder["report"], "*.png");
        Assert.Equal(8, pictures.Length); // The two best and the two worst of each network.
        Assert.All(pictures, picture => Assert.Contains(Path.GetFileName(picture), page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lines_to_read_hold_the_same_numbers()
    {
        CommandRun run = await Eval("--data", "synthetic:2", "--split", "test", "--weights", Untrained("all", PerceptionTasks.All), "--threads", "1");
        Assert.Equal(0, run.Code);
        Assert.Contains("2 images of synthetic streets, seed 3, 64x64", run.Output, StringComparison.Ordinal);
        Assert.Contains("mIoU", run.Output, StringComparison.Ordinal);
        Assert.Contains("mAP at 0.5", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_split_of_camvids_layout_is_measured_at_its_own_size()
    {
        string camvid = _folder["camvid"];
        Directory.CreateDirectory(Path.Combine(camvid, "test"));
        Directory.CreateDirectory(Path.Combine(camvid, "testannot"));
        var image = new RgbImage(80, 50);
        ImageFile.WritePng(image, Path.Combine(camvid, "test", "a.png"));
        ImageFile.WritePng(image, Path.Combine(camvid, "testannot", "a.png"));
        string weights = Untrained("seg", PerceptionTasks.Segmentation, SceneClasses.CamVid);
        // The labels are of three channels: not what they must be.
        (await Eval("--data", $"camvid:{camvid}", "--split", "test", "--weights", weights)).HasOneErrorLine(1, "a.png", "one channel");
        File.Copy(Path.Combine(camvid, "test", "a.png"), Path.Combine(camvid, "testannot", "b.png"));
        (await Eval("--data", $"camvid:{camvid}", "--split", "val", "--weights", weights)).HasOneErrorLine(1, "a folder 'val'");
    }

    [Fact]
    public async Task A_frame_is_written_without_a_network()
    {
        CommandRun run = await Eval("--data", "synthetic", "--split", "test", "--size", "96x48", "--frame", "7", "--out", _folder["frame.png"]);
        Assert.Equal(0, run.Code);
        Assert.Equal(new SyntheticStreets(3, 8, 96, 48, 4).Read(7).Image.Pixels, ImageFile.Read(_folder["frame.png"]).Pixels);
        (await Eval("--data", "synthetic", "--frame", "7")).HasOneErrorLine(2, "--out");
    }

    [Fact]
    public async Task What_is_wrong_is_told_in_one_line()
    {
        string weights = Untrained("all", PerceptionTasks.All);
        (await Eval("--data", "synthetic")).HasOneErrorLine(2, "--weights");
        (await Eval("--data", "street", "--weights", weights)).HasOneErrorLine(2, "--data", "'street'");
        (await Eval("--data", "synthetic:0", "--weights", weights)).HasOneErrorLine(2, "--data", "'synthetic:0'");
        (await Eval("--data", "synthetic", "--split", "dev", "--weights", weights)).HasOneErrorLine(2, "--split", "'dev'");
        (await Eval("--data", "synthetic", "--weights", _folder["gone"])).HasOneErrorLine(1, "gone");
        (await Eval("--data", "camvid:" + _folder["gone"], "--weights", weights)).HasOneErrorLine(1, "a folder 'val'");
        (await Eval("--data", "synthetic", "--weights", Untrained("seg", PerceptionTasks.Segmentation, SceneClasses.CamVid)))
            .HasOneErrorLine(2, "11 label classes", "19 (road, ...)");
    }

    [Fact]
    public async Task Interrupted_before_the_first_scene_there_is_nothing_to_report()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        CommandRun run = await CommandRun.Of(cancel.Token, ["eval", "perception", "--data", "synthetic:2", "--weights", Untrained("all", PerceptionTasks.All), "--threads", "1"]);
        run.HasOneErrorLine(130, "interrupted");
    }

    private static async Task<CommandRun> Eval(params string[] args) => await CommandRun.Of(["eval", "perception", .. args]);

    private string Untrained(string name, PerceptionTasks tasks, IReadOnlyList<string>? labels = null)
    {
        var config = new PerceptionConfig
        {
            Width = 64,
            Height = 64,
            Tasks = tasks,
            ObjectClasses = tasks.HasFlag(PerceptionTasks.Detection) ? SceneClasses.Objects : [],
            LabelClasses = tasks.HasFlag(PerceptionTasks.Segmentation) ? labels ?? SceneClasses.Street : [],
        };
        string path = _folder[name + ".safetensors"];
        PerceptionWeights.Save(path, config, PerceptionWeights.Initial(PerceptionWeights.Parameters(config), 1));
        return path;
    }
}
