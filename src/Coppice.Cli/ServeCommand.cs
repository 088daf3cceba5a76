using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Coppice.Server;

namespace Coppice.Cli;

/// <summary><c>coppice serve</c>: answers HTTP requests, as OpenAI's API does, until it is told to stop.</summary>
internal static class ServeCommand
{
    private const string KeyVariable = "COPPICE_API_KEY";

    public static Command Create()
    {
        var model = new ModelArguments(comesWithOne: true);
        var runtime = new RuntimeArguments();
        var serve = new ServeArguments();
        var command = new Command("serve", "Answers HTTP requests as OpenAI's API does; contexts that requests share are computed once.");
        model.AddTo(command);
        serve.AddTo(command);
        runtime.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            ModelName name = ModelName.Of(parsed);
            using ModelSource source = name.Open(model, parsed, error, cancel);
            ServerOptions options = serve.Server(parsed, ServedName(name, source), Environment.GetEnvironmentVariable(KeyVariable)) with { Perception = serve.Perception(parsed, runtime.Threads(parsed)) };
            using Engine engine = await EngineLoading.LoadAsync(source, serve.Engine(parsed, runtime), error, cancel);
            source.Opened();
            name.WarnOfNoise(error);
            await using CoppiceServer server = CoppiceServer.Create(engine, options, logs => serve.Log(logs, parsed));
            await StartAsync(server, options, cancel);
            Announce(server, options, engine, error);
            return await StopAsync(server, error, cancel);
        });
        return command;
    }

    /// <summary>What clients call the model if nothing else is said: its file without the ending, or its shape and type.</summary>
    private static string ServedName(ModelName name, ModelSource source) => source.Random ?? Path.GetFileNameWithoutExtension(name.DefaultPath ?? source.Path);

    private static async Task StartAsync(CoppiceServer server, ServerOptions options, CancellationToken cancel)
    {
        try
        {
            await server.StartAsync(cancel);
        }
        catch (SocketException e)
        {
            throw new IOException($"can't listen on {options.Host}:{options.Port}: {e.Message}", e);
        }
    }

    private static void Announce(CoppiceServer server, ServerOptions options, Engine engine, TextWriter error)
    {
        double megabytes = engine.Statistics.KvBytesLimit / 1e6;
        error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{options.ModelName} at {server.Address}: context {engine.ContextLength}, {megabytes:0} MB for keys and values"));
        if (options.ApiKeys.Count == 0 && !IsLoopback(server.Address))
            error.WriteLine("warning: anyone who reaches this address may use it; --api-key-file or COPPICE_API_KEY asks for a key");
    }

    private static bool IsLoopback(Uri address) => address.IsLoopback;

    private static async Task<int> StopAsync(CoppiceServer server, TextWriter error, CancellationToken cancel)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancel.Register(() => told.TrySetResult())) await told.Task;
        error.WriteLine("stopping: what runs may finish, new requests are refused");
        if (await server.StopAsync()) return ExitCode.Good;
        error.WriteLine("coppice: requests still ran when the time to finish was over; they were ended");
        return ExitCode.Failed;
    }
}
