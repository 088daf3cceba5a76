using System.CommandLine;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Cli.Tests;

public sealed class SharedArgumentsTests
{
    private readonly SamplingArguments _sampling = new();
    private readonly RuntimeArguments _runtime = new();
    private readonly ModelArguments _model = new();

    [Fact]
    public void Options_that_are_not_given_leave_the_defaults()
    {
        ParseResult parsed = Parse();
        // As text: options compare the identity of their dictionaries.
        Assert.Equal(new SamplingOptions().ToString(), _sampling.Read(parsed).ToString());
        Assert.Equal(KvType.F16, _runtime.Kv(parsed));
        Assert.Equal(AttentionMode.Bifurcated, _runtime.Attention(parsed));
        Assert.Equal(WeightStorage.Packed, _runtime.Weights(parsed));
        Assert.Equal(Environment.ProcessorCount, _runtime.Threads(parsed));
    }

    [Fact]
    public void Options_that_are_given_arrive()
    {
        ParseResult parsed = Parse(
            "--temperature", "0.5", "--top-k", "7", "--top-p", "0.9", "--min-p", "0.1", "--seed", "18446744073709551615",
            "--kv", "f32", "--attention", "repeated", "--weights", "mapped", "--threads", "3");
        Assert.Empty(parsed.Errors);
        SamplingOptions sampling = _sampling.Read(parsed);
        Assert.Equal((0.5, 7, 0.9, 0.1, ulong.MaxValue), (sampling.Temperature, sampling.TopK, sampling.TopP, sampling.MinP, sampling.Seed!.Value));
        Assert.Equal((KvType.F32, AttentionMode.Repeated, 3), (_runtime.Kv(parsed), _runtime.Attention(parsed), _runtime.Threads(parsed)));
        Assert.Equal(WeightStorage.Mapped, _runtime.Weights(parsed));
    }

    [Theory]
    [InlineData("--temperature", "warm")]
    [InlineData("--temperature", "-1")]
    [InlineData("--temperature", "NaN")]
    [InlineData("--temperature", "Infinity")]
    [InlineData("--temperature", "0,5")]
    [InlineData("--top-k", "1.5")]
    [InlineData("--top-k", "1e3")]
    [InlineData("--top-k", "99999999999")]
    [InlineData("--threads", "0")]
    [InlineData("--kv", "q8")]
    [InlineData("--weights", "lazy")]
    [InlineData("--attention", "")]
    public void A_wrong_value_is_an_error_with_the_option_and_the_value(string option, string value)
    {
        string message = Assert.Single(Parse(option, value).Errors).Message;
        Assert.StartsWith($"{option}: expected ", message, StringComparison.Ordinal);
        Assert.EndsWith($"found '{value}'", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--temperature", "101")]
    [InlineData("--top-p", "0")]
    [InlineData("--min-p", "2")]
    public void A_value_out_of_the_samplers_range_is_rejected_by_name(string option, string value) =>
        Assert.Equal(option[2..], Assert.Throws<RequestRejectedException>(() => _sampling.Read(Parse(option, value))).Field);

    [Fact]
    public void A_random_model_is_there_while_it_is_used_and_gone_after()
    {
        string path;
        using (ModelSource source = _model.Read(Parse("--random", "tiny:q8_0"), 1, TextWriter.Null, CancellationToken.None))
        {
            path = source.Path;
            Assert.True(File.Exists(path));
        }
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_model_of_the_user_stays()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["mine.gguf"], "");
        using (ModelSource source = _model.Read(Parse("-m", folder["mine.gguf"]), 1, TextWriter.Null, CancellationToken.None)) source.Opened();
        Assert.True(File.Exists(folder["mine.gguf"]));
    }

    [Fact]
    public void Exactly_one_model_must_be_named()
    {
        Assert.Throws<RequestRejectedException>(() => _model.Read(Parse(), 1, TextWriter.Null, CancellationToken.None));
        Assert.Throws<RequestRejectedException>(() => _model.Read(Parse("-m", "a", "--random", "tiny:q8_0"), 1, TextWriter.Null, CancellationToken.None));
    }

    private ParseResult Parse(params string[] args)
    {
        var command = new Command("test");
        _sampling.AddTo(command);
        _runtime.AddTo(command);
        _model.AddTo(command);
        return command.Parse(args);
    }
}
