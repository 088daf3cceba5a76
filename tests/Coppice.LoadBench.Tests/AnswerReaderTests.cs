using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace Coppice.LoadBench.Tests;

public class AnswerReaderTests
{
    private static readonly string s_stream =
        ": a comment\n\n"
        + $"data: {Sample.Piece(0, "grün ")}\n\n"
        + $"event: message\r\ndata: {Sample.Piece(1, "木")}\r\n\r\n"
        + $"data: {Sample.Piece(0, "leaf")}\n\n"
        + $"data: {Sample.Piece(0, "", "stop")}\n\n"
        + $"data: {Sample.Piece(1, "", "length")}\n\n"
        + $"data: {Sample.Usage(12, 8, 6)}\n\n"
        + "data: [DONE]\n\n";

    [Fact]
    public async Task Events_are_the_same_wherever_the_packets_part_them()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(s_stream);
        for (int size = 1; size <= bytes.Length; size += size < 20 ? 1 : 37)
        {
            var reader = new AnswerReader(2);
            Assert.True(await reader.ReadEventsAsync(new Parted(bytes, size), null, CancellationToken.None));
            Assert.Equal((3, 6, 12, 8, 2, true), (reader.Pieces, reader.OutputTokens, reader.PromptTokens, reader.CachedTokens, reader.Choices, reader.Finished));
        }
    }

    [Fact]
    public async Task Reading_stops_after_the_pieces_wanted()
    {
        var reader = new AnswerReader(2);
        Assert.False(await reader.ReadEventsAsync(new Parted(Encoding.UTF8.GetBytes(s_stream), 11), 2, CancellationToken.None));
        Assert.Equal(2, reader.Pieces);
    }

    [Fact]
    public async Task Time_is_taken_when_an_event_is_there_not_when_the_stream_is_over()
    {
        var pipe = new Pipe();
        var reader = new AnswerReader(1);
        Task<bool> reading = reader.ReadEventsAsync(pipe.Reader.AsStream(), null, CancellationToken.None);
        await pipe.Writer.WriteAsync(Encoding.UTF8.GetBytes($"data: {Sample.Piece(0, "a")}\n\n"));
        while (reader.FirstText == 0) await Task.Yield();
        long after = Stopwatch.GetTimestamp();
        await pipe.Writer.WriteAsync(Encoding.UTF8.GetBytes($"data: {Sample.Piece(0, "b", "stop")}\n\n"));
        await pipe.Writer.CompleteAsync();
        Assert.True(await reading);
        Assert.True(reader.FirstText <= after);
    }

    [Fact]
    public void Time_per_token_is_the_mean_over_choices_of_the_time_between_their_tokens()
    {
        var reader = new AnswerReader(3);
        long unit = Stopwatch.Frequency / 1000;
        foreach ((int choice, int milliseconds) in ((int, int)[])[(0, 100), (1, 100), (0, 110), (1, 130), (0, 120), (2, 150)])
            reader.Add(JsonElement.Parse(Sample.Piece(choice, "x")), milliseconds * unit);
        // Choice 0 has two gaps of 10 ms, choice 1 one of 30 ms, choice 2 none.
        Assert.Equal(20, reader.MillisecondsPerToken()!.Value, 6);
        Assert.Equal(100 * unit, reader.FirstText);
    }

    [Fact]
    public void Pieces_of_several_tokens_are_counted_by_the_usage()
    {
        var reader = new AnswerReader(1);
        long unit = Stopwatch.Frequency / 1000;
        reader.Add(JsonElement.Parse(Sample.Piece(0, "ab")), 100 * unit);
        reader.Add(JsonElement.Parse(Sample.Piece(0, "cd")), 130 * unit);
        Assert.Equal(30, reader.MillisecondsPerToken()!.Value, 6);
        reader.Add(JsonElement.Parse(Sample.Usage(1, 0, 4)), 130 * unit);
        Assert.Equal(10, reader.MillisecondsPerToken()!.Value, 6);
    }

    [Fact]
    public void A_role_without_text_is_no_first_token_and_reasoning_is()
    {
        var reader = new AnswerReader(1);
        reader.Add(JsonElement.Parse("""{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"""), 1);
        reader.Add(JsonElement.Parse("""{"choices":[{"index":0,"delta":{"content":null}}],"usage":null}"""), 2);
        Assert.Equal((0L, 0, 1), (reader.FirstText, reader.Pieces, reader.Choices));
        reader.Add(JsonElement.Parse("""{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"""), 3);
        reader.Add(JsonElement.Parse("""{"choices":[{"index":0,"delta":{"content":"yes"}}]}"""), 4);
        Assert.Equal((3L, 2), (reader.FirstText, reader.Pieces));
    }

    [Theory]
    [InlineData("data: {\"error\":{\"message\":\"no pages\"}}\n\n", FailureKind.ErrorEvent, "no pages")]
    [InlineData("event: error\ndata: {\"detail\":1}\n\n", FailureKind.ErrorEvent, "an error without a message")]
    [InlineData("data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n", FailureKind.Broken, "the stream ended before its choices did")]
    [InlineData("", FailureKind.Broken, "the stream ended before its choices did")]
    [InlineData("data: {\"choices\":[{\"index\":1,\"text\":\"a\"}]}\n\n", FailureKind.Malformed, "expected a choice below 1, found 1")]
    [InlineData("data: {\"choices\":3}\n\n", FailureKind.Malformed, "expected 'choices', found none")]
    [InlineData("data: []\n\n", FailureKind.Malformed, "expected an object, found Array")]
    [InlineData("data: {\"choices\"\n\n", FailureKind.Malformed, "expected JSON, found something else")]
    [InlineData("<html>\n\n", FailureKind.Broken, "the stream ended before its choices did")]
    internal async Task What_is_no_answer_is_told_apart(string text, FailureKind kind, string message)
    {
        Exception? thrown = await Record.ExceptionAsync(() =>
            new AnswerReader(1).ReadEventsAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), null, CancellationToken.None));
        Assert.Equal(new Failure(kind, 0, message), Failure.Of(thrown!));
    }

    [Fact]
    public async Task A_stream_whose_choices_ended_needs_no_done()
    {
        string text = $"data: {Sample.Piece(0, "a", "stop")}\n\n";
        Assert.True(await new AnswerReader(1).ReadEventsAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), null, CancellationToken.None));
    }

    /// <summary>Gives its bytes in parts of one size.</summary>
    private sealed class Parted(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(size, buffer.Length)]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));
    }
}
