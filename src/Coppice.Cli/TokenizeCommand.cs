using System.CommandLine;
using System.Text.Json;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Cli;

/// <summary><c>coppice tokenize</c>: a text's token ids and their spellings, by a model's vocabulary.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        Option<string?> model = ModelArguments.File("The GGUF file; one with a vocabulary alone will do.");
        model.Required = true;
        var prompt = new PromptArguments();
        var plain = new Option<bool>("--no-special")
        {
            Description = "Adds no begin and end token, and takes spellings of control tokens as plain text.",
        };
        var json = JsonOutput.Option();
        var command = new Command("tokenize", "Shows the tokens of a text.") { model };
        prompt.AddTo(command);
        command.Add(plain);
        command.Add(json);
        command.SetAction(async (parsed, cancel) =>
        {
            string text = await prompt.ReadAsync(parsed, cancel);
            TokenizeReport report = Tokenize(parsed.GetRequiredValue(model)!, text, special: !parsed.GetValue(plain));
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json)) JsonOutput.Write(output, report, CommandJson.Readable.TokenizeReport);
            else WriteText(output, report);
            return ExitCode.Good;
        });
        return command;
    }

    private static TokenizeReport Tokenize(string model, string text, bool special)
    {
        using GgufFile file = GgufFile.Open(model, allowUnsupportedTypes: true);
        Tokenizer tokenizer = Tokenizer.FromGguf(file);
        int[] ids = tokenizer.Encode(text, addSpecial: special, parseSpecial: special);
        return new TokenizeReport(ids, Array.ConvertAll(ids, tokenizer.TokenText));
    }

    /// <summary>One token a line: its id and its spelling in JSON's quotes.</summary>
    private static void WriteText(TextWriter output, TokenizeReport report)
    {
        foreach ((int id, string piece) in report.Ids.Zip(report.Pieces))
            output.WriteLine($"{id,8}  {JsonSerializer.Serialize(piece, CommandJson.Readable.String)}");
    }
}

/// <summary>A tokenized text.</summary>
/// <param name="Ids">[tokens]</param>
/// <param name="Pieces">As the vocabulary spells them. [tokens]</param>
internal sealed record TokenizeReport(int[] Ids, string[] Pieces);
