using System.Buffers.Binary;
using System.Text.Json;
using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Cli.Tests;

public sealed class PerceiveTests
{
    [Fact]
    public async Task A_picture_becomes_a_document_with_boxes_in_pixels_and_runs_that_cover_it()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), image = Picture(folder, "street.png", 80, 50);
        CommandRun run = await CommandRun.Of("perceive", image, "--weights", weights, "--json", "--score", "0.05", "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(["image", "width", "height", "objects", "segmentation"], root.EnumerateObject().Select(p => p.Name));
        Assert.Equal((80, 50), (root.GetProperty("width").GetInt32(), root.GetProperty("height").GetInt32()));
        int[] runs = [.. root.GetProperty("segmentation").GetProperty("runs").EnumerateArray().Select(r => r.GetInt32())];
        Assert.Equal(80 * 50, runs.Where((_, i) => i % 2 == 1).Sum());
        foreach (JsonElement o in root.GetProperty("objects").EnumerateArray())
        {
            Assert.Equal(["class", "score", "x1", "y1", "x2", "y2", "distance_m"], o.EnumerateObject().Select(p => p.Name));
            Assert.InRange(o.GetProperty("x2").GetDouble(), 0, 80);
            Assert.InRange(o.GetProperty("y2").GetDouble(), 0, 50);
        }
    }

    [Fact]
    public async Task A_folder_is_perceived_in_order_with_an_overlay_for_each()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), pictures = folder["in"], overlays = folder["out"];
        Directory.CreateDirectory(pictures);
        foreach (string name in (string[])["b.png", "a.png"]) ImageFile.WritePng(new RgbImage(40, 30), Path.Combine(pictures, name));
        CommandRun run = await CommandRun.Of("perceive", pictures, "--weights", weights, "--out", overlays, "--threads", "1");
        Assert.Equal(0, run.Code);
        Assert.True(run.Output.IndexOf("a.png", StringComparison.Ordinal) < run.Output.IndexOf("b.png", StringComparison.Ordinal));
        Assert.Equal(40, ImageFile.Read(Path.Combine(overlays, "a.png")).Width);
        Assert.True(File.Exists(Path.Combine(overlays, "b.png")));
    }

    [Fact]
    public async Task Overlays_replace_no_picture_and_not_one_another()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), picture = Picture(folder, "a.png", 40, 30), overlays = folder["out"], other = folder["other"];
        byte[] before = File.ReadAllBytes(picture);
        CommandRun over = await CommandRun.Of("perceive", picture, "--weights", weights, "--out", Path.GetDirectoryName(picture)!, "--threads", "1");
        Assert.NotEqual(0, over.Code);
        Assert.Contains("--out", over.Error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(picture));
        Directory.CreateDirectory(other);
        File.Copy(picture, Path.Combine(other, "a.png"));
        CommandRun twice = await CommandRun.Of("perceive", picture, other, "--weights", weights, "--out", overlays, "--threads", "1");
        Assert.NotEqual(0, twice.Code);
        Assert.Contains("two for 'a.png'", twice.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(overlays));
    }

    [Fact]
    public async Task A_bad_picture_is_one_line_and_the_rest_is_perceived()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), good = Picture(folder, "good.png", 40, 30);
        byte[] bytes = File.ReadAllBytes(Picture(folder, "whole.png", 200, 100));
        File.WriteAllBytes(folder["cut.png"], bytes[..(bytes.Length / 2)]);
        File.WriteAllText(folder["text.png"], "no picture");
        Picture(folder, "dot.png", 1, 1);
        byte[] huge = bytes.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(huge.AsSpan(16), 20_000);
        BinaryPrimitives.WriteInt32BigEndian(huge.AsSpan(20), 20_000);
        File.WriteAllBytes(folder["huge.png"], huge);
        foreach (string bad in (string[])["cut.png", "text.png", "dot.png", "huge.png", "none.png"])
        {
            CommandRun alone = await CommandRun.Of("perceive", folder[bad], "--weights", weights, "--threads", "1");
            alone.HasOneErrorLine(1, bad);
            CommandRun both = await CommandRun.Of("perceive", folder[bad], good, "--weights", weights, "--threads", "1");
            Assert.Equal(1, both.Code);
            Assert.Contains("good.png: 40x30", both.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_bench_counts_frames_and_memory()
    {
        using var folder = new TemporaryFolder();
        CommandRun run = await CommandRun.Of("perceive", "--bench", "64x32", "--seconds", "0.1", "--json", "--weights", Weights(folder), "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(("fast", "fp32"), (root.GetProperty("variant").GetString(), root.GetProperty("precision").GetString()));
        Assert.True(root.GetProperty("frames_per_second").GetDouble() > 0 && root.GetProperty("ms_per_frame").GetDouble() > 0);
        Assert.True(root.GetProperty("peak_rss_bytes").GetInt64() > 10_000_000);
    }

    [Fact]
    public async Task Int8_needs_a_calibration_and_networks_can_be_exported()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), image = Picture(folder, "street.png", 80, 50), onnx = folder["net.onnx"];
        (await CommandRun.Of("perceive", image, "--weights", weights, "--precision", "int8")).HasOneErrorLine(1, "--calibrate");
        Assert.Equal(0, (await CommandRun.Of("perceive", image, "--calibrate", "--weights", weights, "--threads", "1")).Code);
        Assert.Equal(0, (await CommandRun.Of("perceive", image, "--weights", weights, "--precision", "int8", "--threads", "1")).Code);
        Assert.Equal(0, (await CommandRun.Of("perceive", "--export", onnx, "--weights", weights)).Code);
        Assert.Equal(new Shape(1, 3, 32, 64), OnnxFile.Read(onnx).Inputs.Single().Shape);
    }

    [Theory]
    [InlineData("--bench: expected a size as 1024x512", "--bench", "1024")]
    [InlineData("IMAGE: expected a picture", "--weights", "none")]
    [InlineData("--precision: expected fp32 or int8", "--precision", "fp16")]
    public async Task Wrong_options_are_one_line(string expected, params string[] options) =>
        (await CommandRun.Of(["perceive", .. options])).HasOneErrorLine(2, expected);

    private static string Picture(TemporaryFolder folder, string name, int width, int height)
    {
        var image = new RgbImage(width, height);
        new Random(1).NextBytes(image.Pixels);
        ImageFile.WritePng(image, folder[name]);
        return folder[name];
    }

    private static string Weights(TemporaryFolder folder)
    {
        var config = new PerceptionConfig { Width = 64, Height = 32, ObjectClasses = SceneClasses.Objects, LabelClasses = SceneClasses.Street };
        PerceptionWeights.Save(folder["weights.safetensors"], config, PerceptionWeights.Initial(PerceptionWeights.Parameters(config), 1));
        return folder["weights.safetensors"];
    }
}
