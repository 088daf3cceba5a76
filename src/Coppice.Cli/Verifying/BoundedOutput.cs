using System.Text;

namespace Coppice.Cli.Verifying;

/// <summary>What a command prints on both streams together, kept up to a limit; a command that prints more is at fault.</summary>
internal sealed class BoundedOutput(int limit)
{
    private const int LongestLine = 160;
    private readonly TaskCompletionSource _overflow = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MemoryStream _output = new();
    private readonly MemoryStream _error = new();
    private long _bytes;

    /// <summary>Ends when there is more than the limit.</summary>
    public Task Overflow => _overflow.Task;

    /// <summary>Reads standard output to its end, or to the limit. Blocks.</summary>
    public void ReadOutput(Stream stream) => Read(stream, _output);

    /// <summary>Reads standard error likewise.</summary>
    public void ReadError(Stream stream) => Read(stream, _error);

    /// <summary>The last line that says something, of standard error if there is one, without control characters.</summary>
    public string LastLine()
    {
        string line = LastLine(_error);
        return line.Length > 0 ? line : LastLine(_output);
    }

    private void Read(Stream stream, MemoryStream kept)
    {
        var buffer = new byte[4096];
        try
        {
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                if (Interlocked.Add(ref _bytes, count) > limit)
                {
                    _overflow.TrySetResult();
                    return;
                }

                lock (kept) kept.Write(buffer, 0, count);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process was killed and the stream closed.
        }
    }

    private static string LastLine(MemoryStream kept)
    {
        string text;
        lock (kept) text = Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length);
        string last = text.Split('\n').LastOrDefault(line => !string.IsNullOrWhiteSpace(line)) ?? "";
        var line = new StringBuilder();
        foreach (char c in last.Trim())
        {
            if (line.Length == LongestLine) return line.Append("...").ToString();
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c);
        }

        return line.ToString();
    }
}
