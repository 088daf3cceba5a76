using System.CommandLine;
using System.Globalization;

namespace Coppice.Cli;

/// <summary><c>coppice inspect FILE</c>: what a model file says about itself.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "The GGUF file." };
        var tensors = new Option<bool>("--tensors") { Description = "Lists every tensor." };
        var template = new Option<bool>("--chat-template") { Description = "Shows the chat template's text." };
        Option<bool> json = JsonOutput.Option();
        var command = new Command("inspect", "Shows a model file's sizes, tensors and vocabulary.") { file, tensors, template, json };
        command.SetAction(parsed =>
        {
            InspectReport report = InspectReport.Of(parsed.GetRequiredValue(file), parsed.GetValue(template));
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json)) JsonOutput.Write(output, report, CommandJson.Readable.InspectReport);
            else WriteText(output, report, parsed.GetValue(tensors));
            return ExitCode.Good;
        });
        return command;
    }

    private static void WriteText(TextWriter output, InspectReport report, bool withTensors)
    {
        Row("file", $"{report.File} ({SizeText.Bytes(report.FileBytes)}, GGUF version {report.GgufVersion})");
        Row("architecture", report.Architecture);
        Row("name", report.Name);
        Row("parameters", report.Tensors.Count == 0 ? "none, a vocabulary alone" : $"{SizeText.Count(report.Parameters)} in {SizeText.Bytes(report.TensorBytes)}");
        Row("layers", report.Layers);
        Row("width", report.Width);
        Row("heads", report.Heads);
        Row("KV heads", report.KvHeads);
        Row("head size", report.KeyLength == report.ValueLength ? report.KeyLength : $"keys {report.KeyLength}, values {report.ValueLength}");
        Row("feed-forward", report.FeedForward);
        Row("context", report.Context);
        Row("window", report.Window);
        Row("rope base", report.RopeBase);
        string quantized = report.KvBytesPerTokenQ8_0 is { } fewer ? string.Create(CultureInfo.InvariantCulture, $", {fewer} at q8_0") : "";
        Row("KV cache", report.KvBytesPerTokenF16 is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes a token at f16{quantized}") : null);
        Row("vocabulary", $"{report.Vocabulary.Tokens} tokens, {report.Vocabulary.Family ?? "no family named"}"
            + (report.Vocabulary.PreTokenizer is { } pre ? $", words cut as {pre}" : ""));
        Row("chat template", report.HasChatTemplate ? report.ChatTemplate is null ? "yes" : "below" : "no");
        foreach (InspectType type in report.Types) Row(type.Type, $"{type.Tensors} tensors, {SizeText.Count(type.Elements)} elements, {SizeText.Bytes(type.Bytes)}");
        if (withTensors)
        {
            output.WriteLine();
            foreach (InspectTensor tensor in report.Tensors)
                output.WriteLine($"{tensor.Name}  {tensor.Type}  [{string.Join(", ", tensor.Dimensions)}]  {SizeText.Bytes(tensor.Bytes)}");
        }
        if (report.ChatTemplate is not null)
        {
            output.WriteLine();
            output.WriteLine(report.ChatTemplate);
        }

        void Row(string name, object? value)
        {
            if (value is not null) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-15}{value}"));
        }
    }
}
