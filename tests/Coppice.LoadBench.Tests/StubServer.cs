using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Coppice.LoadBench.Tests;

/// <summary>A request as the stub got it.</summary>
internal sealed record StubRequest(string Method, string Path, string? Authorization, JsonElement Body);

/// <summary>Writes an answer to one request, down to the bytes of each packet.</summary>
internal sealed class StubAnswer(NetworkStream stream)
{
    /// <summary>Writes the head of a stream of events, without a length: the end of the connection is the end of the body.</summary>
    public Task BeginEventsAsync() => WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");

    public Task EventAsync(string data) => WriteAsync($"data: {data}\n\n");

    /// <summary>Writes bytes that reach the client in a packet of their own.</summary>
    public async Task WriteAsync(string text)
    {
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text));
        await stream.FlushAsync();
    }

    public async Task WriteBytesAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    public Task WholeAsync(int status, string body, string type = "application/json") => WriteAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"HTTP/1.1 {status} Status\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}"));

    /// <summary>Waits until the client has closed its side.</summary>
    public async Task<bool> ClientLeftAsync(CancellationToken cancel)
    {
        byte[] one = new byte[1];
        try
        {
            return await stream.ReadAsync(one, cancel) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }
}

/// <summary>A server on a free port of the loopback that answers as a test says.</summary>
internal sealed class StubServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<StubRequest, StubAnswer, Task> _answer;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _accepting;

    public StubServer(Func<StubRequest, StubAnswer, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1/");

    /// <summary>The requests for answers, in the order in which they came.</summary>
    public ConcurrentQueue<StubRequest> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Stop();
        await _accepting;
        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true) open.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_ended.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using TcpClient connection = client;
        connection.NoDelay = true;
        NetworkStream stream = connection.GetStream();
        try
        {
            if (await ReadAsync(stream) is not { } request) return;
            if (request.Method == "GET") await new StubAnswer(stream).WholeAsync(200, """{"object":"list","data":[{"id":"stub-model","object":"model"}]}""");
            else
            {
                Requests.Enqueue(request);
                await _answer(request, new StubAnswer(stream));
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            // The client left.
        }
    }

    private async Task<StubRequest?> ReadAsync(NetworkStream stream)
    {
        var bytes = new List<byte>();
        byte[] buffer = new byte[4096];
        int headEnd;
        while ((headEnd = Encoding.Latin1.GetString([.. bytes]).IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
        {
            int read = await stream.ReadAsync(buffer, _ended.Token);
            if (read == 0) return null;
            bytes.AddRange(buffer[..read]);
        }

        string[] lines = Encoding.Latin1.GetString([.. bytes[..headEnd]]).Split("\r\n");
        int length = int.Parse(Header(lines, "Content-Length") ?? "0", CultureInfo.InvariantCulture);
        while (bytes.Count < headEnd + 4 + length) bytes.AddRange(buffer[..await stream.ReadAsync(buffer, _ended.Token)]);
        string[] words = lines[0].Split(' ');
        JsonElement body = length == 0 ? default : JsonElement.Parse(bytes.GetRange(headEnd + 4, length).ToArray());
        return new StubRequest(words[0], words[1], Header(lines, "Authorization"), body);
    }

    private static string? Header(string[] lines, string name) => lines
        .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
        .Select(line => line[(name.Length + 1)..].Trim()).FirstOrDefault();
}
