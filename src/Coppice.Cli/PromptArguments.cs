using System.CommandLine;
using System.Text;

namespace Coppice.Cli;

/// <summary>Where a command's text comes from: <c>-p TEXT</c>, or <c>-f FILE</c> with <c>-</c> for standard input.</summary>
internal sealed class PromptArguments
{
    /// <summary>The option whose value may look like another option.</summary>
    public const string OptionName = "--prompt";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Option<string?> _prompt = new(OptionName, "-p") { Description = "The text.", HelpName = "TEXT" };
    private readonly Option<string?> _file = new("--file", "-f")
    {
        Description = "A UTF-8 file with the text, taken as it is; - is standard input.",
        HelpName = "FILE",
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_prompt);
        command.Add(_file);
    }

    /// <summary>The text.</summary>
    /// <exception cref="RequestRejectedException">Not exactly one of the options was given.</exception>
    /// <exception cref="IOException">The file can't be read or is not UTF-8.</exception>
    public async Task<string> ReadAsync(ParseResult parsed, CancellationToken cancel)
    {
        string? prompt = parsed.GetValue(_prompt);
        string? file = parsed.GetValue(_file);
        if ((prompt is null) == (file is null))
            throw new RequestRejectedException("prompt", "one of --prompt and --file", prompt is null ? "neither" : "both");
        return prompt ?? Decode(file!, file == "-" ? await ReadStandardInputAsync(cancel) : await File.ReadAllBytesAsync(file!, cancel));
    }

    private static string Decode(string file, byte[] bytes)
    {
        ReadOnlySpan<byte> text = bytes;
        if (text.StartsWith(Encoding.UTF8.Preamble)) text = text[Encoding.UTF8.Preamble.Length..];
        try
        {
            return StrictUtf8.GetString(text);
        }
        catch (DecoderFallbackException e)
        {
            long offset = e.Index + bytes.Length - text.Length;
            throw new IOException($"{(file == "-" ? "standard input" : file)}: expected UTF-8 text, found other bytes at offset {offset}", e);
        }
    }

    private static async Task<byte[]> ReadStandardInputAsync(CancellationToken cancel)
    {
        using Stream input = Console.OpenStandardInput();
        using var bytes = new MemoryStream();
        // A read from a terminal can't be called back, so it is left behind.
        await Task.Run(() => input.CopyToAsync(bytes, cancel), cancel).WaitAsync(cancel);
        return bytes.ToArray();
    }
}
