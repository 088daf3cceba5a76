using System.Text.Json;
using Coppice.LlamaCpp;
using Coppice.Model;

namespace Coppice.PeerBench.Tests;

public sealed class PeerCommandTests : IDisposable
{
    private static readonly byte[] s_pngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G'];
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Both_engines_run_on_a_tiny_model_and_rows_are_kept()
    {
        if (!LlamaCppLibrary.TryLoad(out string reason)) Assert.Skip(reason);
        string model = Path.Combine(_folder, "tiny.gguf"), results = Path.Combine(_folder, "results.json"), chart = Path.Combine(_folder, "chart.png");
        (ModelShape shape, Kernels.Formats.TensorType type) = RandomModel.Parse("tiny:q4_0");
        RandomModel.Write(shape, type, model);
        string[] arguments = ["-m", model, "--prompt-tokens", "20", "-n", "1,3", "--tokens", "2", "--repeats", "2", "--threads", "2", "--repeated", "--results", results];

        (int code, string output, string error) = Run([.. arguments, "--json"]);
        Assert.Equal(0, code);
        PeerDocument document = JsonSerializer.Deserialize(output, PeerJson.Readable.PeerDocument)!;
        Assert.Equal(["tiny/20/prefill", "tiny/20/1", "tiny/20/3"], document.Rows.Select(row => row.Name));
        Assert.All(document.Rows, row =>
        {
            // Four settings, Coppice's two, and the best setting once more on one thread.
            Assert.Equal([2, 2, 2, 2, 2, 2, 1], row.Engines.Select(engine => engine.Threads));
            Assert.All(row.Engines, engine => Assert.True(engine.TokensPerSecond > 0));
            Assert.All(row.Engines.SkipLast(1), engine => Assert.Equal(2, engine.Seconds.Count));
            Assert.Empty(row.LeftOut);
        });
        Assert.Contains("tiny, context 20", error, StringComparison.Ordinal);

        (code, output, error) = Run([.. arguments, "--chart", chart]);
        Assert.Equal((0, $"3 of 3 rows are finished in {results}"), (code, error.TrimEnd()));
        Assert.Equal(3, output.Split('\n').Count(line => line.StartsWith("| tiny ", StringComparison.Ordinal)));
        Assert.True(File.Exists(chart));
    }

    [Fact]
    public void A_chart_is_a_picture()
    {
        string path = Path.Combine(_folder, "chart.png");
        PeerDocument document = Sample.Document(Sample.Row(512, 1, 1.1, 30, ("fa,unified", 2, 20)), Sample.Row(512, 32, null, 30, ("fa,unified", 2, 20)));
        ResultChart.Save(path, document, document.Rows);
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(s_pngSignature, bytes[..4]);
        Assert.True(bytes.Length > 5000, $"{bytes.Length} bytes");
    }

    [Fact]
    public void Models_that_the_rows_need_are_listed()
    {
        File.WriteAllText(Suite.File(_folder, "llama-3.2-1b:q4_0"), "");
        (int code, string output, _) = Run(["--suite", "--models", _folder, "--only", "q4_", "--missing-models"]);
        Assert.Equal(0, code);
        Assert.Equal(
            ["llama-3.2-1b:q4_k", "llama-2-7b:q4_0"],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')[0]));
    }

    [Theory]
    [InlineData("--suite and --model", new string[0])]
    [InlineData("both", new[] { "--suite", "-m", "x.gguf" })]
    [InlineData("--only", new[] { "--suite", "--only", "q5_1" })]
    [InlineData("--threads", new[] { "--suite", "--threads", "0" })]
    [InlineData("--samples", new[] { "-m", "x.gguf", "--samples", "1,x" })]
    [InlineData("--bogus", new[] { "--suite", "--bogus" })]
    [InlineData("nofa,unified", new[] { "--suite", "--cache", "q8_0", "--settings", "nofa,unified", "fa,unified" })]
    [InlineData("fa,onified", new[] { "--suite", "--settings", "fa,onified" })]
    public void A_wrong_request_is_one_line(string named, string[] arguments)
    {
        (int code, string output, string error) = Run(arguments);
        Assert.Equal((2, ""), (code, output));
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Contains(named, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_model_is_one_line()
    {
        if (!LlamaCppLibrary.TryLoad(out string reason)) Assert.Skip(reason);
        string[][] requests = [["-m", Path.Combine(_folder, "none.gguf")], ["--suite", "--models", _folder, "--only", "q4_k"]];
        foreach (string[] arguments in requests)
        {
            (int code, _, string error) = Run(arguments);
            Assert.Equal(2, code);
            Assert.Single(error.TrimEnd().Split('\n'));
            Assert.Contains(_folder, error, StringComparison.Ordinal);
        }
    }

    private static (int Code, string Output, string Error) Run(string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int code = PeerCommand.Run(arguments, output, error, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
