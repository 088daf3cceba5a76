using System.CommandLine;
using Coppice.Chat;
using Coppice.Model;
using Coppice.ModelFiles;

namespace Coppice.Cli;

/// <summary><c>coppice chat</c>: a conversation in the terminal, or one turn a line of standard input.</summary>
internal static class ChatCommand
{
    /// <summary>An option that takes any text.</summary>
    public const string SystemName = "--system";

    private const int DefaultContext = 8192;

    public static Command Create()
    {
        var model = new ModelArguments(comesWithOne: true);
        var sample = new SampleArguments(ChatLoop.DefaultMaxTokens);
        var runtime = new RuntimeArguments();
        var system = new Option<string?>(SystemName) { Description = "What the model is told before the conversation.", HelpName = "TEXT" };
        var template = new Option<string?>("--template") { Description = "A file with a chat template instead of the model's own.", HelpName = "FILE" };
        var command = new Command("chat", "Talks with a model: a turn a line, /help lists the commands. With -n the best of several answers goes on.");
        model.AddTo(command);
        command.Add(system);
        command.Add(template);
        sample.AddTo(command);
        runtime.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            GenerationRequest asked = sample.Read(parsed);
            ChatTemplate? given = parsed.GetValue(template) is { } path ? ChatTemplate.Parse(await File.ReadAllTextAsync(path, cancel), Path.GetFileName(path)) : null;
            ModelName name = ModelName.Of(parsed);
            using ModelSource source = name.Open(model, parsed, error, cancel);
            EngineOptions options = Options(source.Path, asked, sample, runtime, parsed);
            using Engine engine = await EngineLoading.LoadAsync(source, options, error, cancel);
            source.Opened();
            name.WarnOfNoise(error);
            var chat = given is null ? engine.Chat : engine.Chat.With(given);
            _ = chat.Template;
            TextWriter output = parsed.InvocationConfiguration.Output;
            bool terminal = output == Console.Out && !Console.IsOutputRedirected && !Console.IsInputRedirected;
            if (terminal && !chat.HasTemplate) error.WriteLine("the model brings no chat template: ChatML is used");
            var loop = new ChatLoop(engine, chat, asked, sample.MaxTokens(parsed), parsed.GetValue(system), output, error, terminal);
            return await loop.RunAsync(terminal ? () => ReadLine(output) : Console.In.ReadLine, cancel);
        });
        return command;
    }

    private static string? ReadLine(TextWriter output)
    {
        output.Write("> ");
        output.Flush();
        return Console.In.ReadLine();
    }

    /// <summary>An engine with room for the whole context once and for every answer's own tokens.</summary>
    private static EngineOptions Options(string path, GenerationRequest asked, SampleArguments sample, RuntimeArguments runtime, ParseResult parsed)
    {
        using GgufFile file = GgufFile.Open(path);
        ModelConfig config = ModelConfig.FromGguf(file);
        asked.Sampling.CheckVocabulary(config.Vocabulary);
        if (sample.Context(parsed) is int wanted) EngineLoading.CheckContext(file, "--context", wanted);
        int context = sample.Context(parsed) ?? Math.Min(config.ContextLength, DefaultContext);
        int answer = Math.Min(sample.MaxTokens(parsed) ?? ChatLoop.DefaultMaxTokens, context);
        // Twice the context: the conversation so far stays kept beside the one being read.
        return new EngineOptions
        {
            Threads = runtime.Threads(parsed),
            KvType = runtime.Kv(parsed),
            Weights = runtime.Weights(parsed),
            Attention = runtime.Attention(parsed),
            ContextLength = context,
            KvTokens = EngineLoading.KvTokens(2 * context, asked.Samples, answer + 1),
            MaxBranches = asked.Samples,
        };
    }
}
