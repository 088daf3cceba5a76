using System.Text;
using System.Text.RegularExpressions;

namespace Coppice.Cli.Verifying;

/// <summary>
/// The files that a command asks for by <c>{file}</c> (the program), <c>{sample}</c>, <c>{prompt}</c> and <c>{problem}</c>, in a folder
/// of their own, which goes away with this object.
/// </summary>
internal sealed partial class SubmissionFiles : IDisposable
{
    private const string ProblemPlace = "{problem}";
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly string? _folder;

    /// <summary>Writes the files.</summary>
    /// <param name="command">The command as the user gave it.</param>
    /// <param name="submission">What is to be judged.</param>
    /// <exception cref="IOException">They can't be written.</exception>
    public SubmissionFiles(string command, Submission submission)
    {
        Command = command;
        if (!Places().IsMatch(command)) return;
        _folder = Directory.CreateTempSubdirectory("coppice-verify-").FullName;
        try
        {
            Command = Places().Replace(command, place => Quoted(Write(place.Value, submission)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The command with the names of files in their places.</summary>
    public string Command { get; }

    /// <summary>Whether a command asks for the problem's line.</summary>
    public static bool AsksForProblem(string command) => command.Contains(ProblemPlace, StringComparison.Ordinal);

    /// <summary>What a command gets on standard input.</summary>
    public static byte[] Bytes(string text) => Utf8.GetBytes(text);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_folder is null) return;
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What the command put there and does not let go stays; it is in the system's temporary folder.
        }
    }

    private string Write(string place, Submission submission)
    {
        (string name, string text) = place switch
        {
            "{file}" => ($"program{submission.Extension}", submission.Program),
            "{sample}" => ("sample.txt", submission.Sample),
            "{prompt}" => ("prompt.txt", submission.Prompt),
            _ => ("problem.json", submission.Problem ?? ""),
        };
        string path = Path.Combine(_folder!, name);
        File.WriteAllBytes(path, Bytes(text));
        return path;
    }

    /// <summary>Quotes only where it must: the user may have put quotes around the place already.</summary>
    private static string Quoted(string path)
    {
        if (Plain().IsMatch(path)) return path;
        return OperatingSystem.IsWindows() ? $"\"{path}\"" : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    [GeneratedRegex(@"\{(file|sample|prompt|problem)\}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Places();

    [GeneratedRegex(@"^[A-Za-z0-9_./:\\-]+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Plain();
}
