using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Coppice.Cli.Evaluation;

/// <summary>
/// Reads problems, one JSON object a line, in one of two forms. HumanEval's (Chen et al. 2021, arXiv 2107.03374; also its
/// translations by MultiPL-E and HumanEval-X): <c>prompt</c> with <c>test</c> or <c>tests</c>, maybe <c>entry_point</c>,
/// <c>language</c> and <c>stop_tokens</c>; without tests it is up to the command what right is. MBPP's (Austin et al. 2021,
/// arXiv 2108.07732): <c>text</c>, <c>test_list</c> and <c>test_setup_code</c>.
/// </summary>
internal static partial class ProblemFile
{
    /// <summary>What follows a function's body (Chen et al. 2021, section 2.1).</summary>
    private static readonly string[] AfterBody = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];

    /// <summary>What follows functions; a solution may have several.</summary>
    private static readonly string[] AfterFunctions = ["\nclass", "\nassert", "\n\"\"\"", "\nprint", "\nif"];

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">It can't be read, or a line is no problem; the message names file and line.</exception>
    public static IReadOnlyList<EvalProblem> Read(string path)
    {
        var problems = new List<EvalProblem>();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in Lines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                EvalProblem problem = Problem(document.RootElement, $"line {number}") with { Json = line };
                if (!keys.Add(problem.Key)) throw new FormatException($"expected another name than an earlier line's, found '{problem.Key}'");
                problems.Add(problem);
            }
            catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
            {
                throw new IOException($"{path}: line {number}: {Reason(e)}", e);
            }
        }

        return problems.Count > 0 ? problems : throw new IOException($"{path}: expected problems, one JSON object a line, found none");
    }

    private static string Reason(Exception e) => e switch
    {
        JsonException => $"expected a JSON object, found something else ({e.Message})",
        // What the reader throws, wherever such a text is looked at.
        InvalidOperationException => "expected whole characters, found half a surrogate pair",
        _ => e.Message,
    };

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        }
        catch (DecoderFallbackException e)
        {
            throw new IOException($"{path}: expected UTF-8 text, found other bytes", e);
        }
    }

    private static EvalProblem Problem(JsonElement root, string fallbackKey)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new FormatException($"expected a JSON object, found {Kind(root)}");
        string key = Key(root) ?? fallbackKey;
        if (root.TryGetProperty("prompt", out _)) return Completion(root, key);
        if (root.TryGetProperty("text", out _) && root.TryGetProperty("test_list", out _)) return Function(root, key);
        string found = string.Join(", ", root.EnumerateObject().Take(8).Select(property => $"'{property.Name}'"));
        throw new FormatException($"expected 'prompt' and 'test', or 'text' and 'test_list', found {(found.Length > 0 ? found : "nothing")}");
    }

    /// <summary>HumanEval: the prompt is the head of a function, the sample its body.</summary>
    private static EvalProblem Completion(JsonElement root, string key)
    {
        string prompt = Text(root, "prompt") ?? throw new FormatException("expected a text as 'prompt', found null");
        if (prompt.Length == 0) throw new FormatException("expected a text as 'prompt', found an empty one");
        IReadOnlyList<string> stop = [.. Texts(root, "stop_tokens").Where(text => text.Length > 0)];
        string tests = Text(root, "test") ?? Text(root, "tests") ?? "";
        if (tests.Length == 0) return new(key, prompt) { Stop = stop };
        string language = Text(root, "language")?.ToLowerInvariant() ?? "python";
        bool python = language is "python" or "py";
        string call = Text(root, "entry_point") is { } entry && python ? $"check({entry})" : "";
        if (tests.Contains(call, StringComparison.Ordinal)) call = "";
        return new(key, prompt)
        {
            Before = prompt,
            After = $"\n{tests}{(call.Length > 0 ? $"\n{call}\n" : "\n")}",
            Extension = python ? ".py" : Ending().IsMatch(language) ? $".{language}" : ".txt",
            Stop = stop.Count > 0 ? stop : python ? AfterBody : [],
        };
    }

    /// <summary>MBPP: the prompt is a task and a test of it, the sample a function and all that it needs.</summary>
    private static EvalProblem Function(JsonElement root, string key)
    {
        string[] tests = [.. Texts(root, "test_list").Select(Unix)];
        if (tests.Length == 0) throw new FormatException("expected tests as 'test_list', found none");
        string task = Unix(Text(root, "text") ?? "");
        return new(key, $"\"\"\"\n{task}\n{tests[0]}\n\"\"\"\n")
        {
            After = $"\n{Unix(Text(root, "test_setup_code") ?? "")}\n{string.Join('\n', tests)}\n",
            Extension = ".py",
            Stop = AfterFunctions,
        };
    }

    private static string? Key(JsonElement root)
    {
        foreach (string name in (string[])["task_id", "id", "name"])
        {
            if (!root.TryGetProperty(name, out JsonElement value)) continue;
            if (value.ValueKind == JsonValueKind.Number) return value.GetRawText();
            if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text) return text;
        }

        return null;
    }

    private static string? Text(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw new FormatException($"expected a text as '{name}', found {Kind(value)}");
    }

    private static IEnumerable<string> Texts(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement list) || list.ValueKind == JsonValueKind.Null) return [];
        if (list.ValueKind != JsonValueKind.Array || list.EnumerateArray().Any(text => text.ValueKind != JsonValueKind.String))
            throw new FormatException($"expected a list of texts as '{name}', found {(list.ValueKind == JsonValueKind.Array ? "another list" : Kind(list))}");
        return list.EnumerateArray().Select(text => text.GetString()!);
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "a truth value",
        JsonValueKind.Null => "null",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a text",
        JsonValueKind.Array => "a list",
        _ => "an object",
    };

    private static string Unix(string text) => text.ReplaceLineEndings("\n");

    [GeneratedRegex("^[a-z]{1,8}$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Ending();
}
