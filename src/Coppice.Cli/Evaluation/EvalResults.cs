// A results file holds one JSON object a line: first what the results depend on, then one line for each problem of each run as soon as
// it is finished. A process that is killed leaves at most a part of a line at the end, which the next one cuts off.
using System.Text;
using System.Text.Json;

namespace Coppice.Cli.Evaluation;

/// <summary>What is finished of an evaluation, kept in a file where one is named. Its methods change it; one thread uses it.</summary>
internal sealed class EvalResults : IDisposable
{
    private readonly Dictionary<(string Problem, EvalRun Run), EvalOutcome> _outcomes = [];
    private readonly FileStream? _file;
    private readonly string _path;

    private EvalResults(FileStream? file, string path) => (_file, _path) = (file, path);

    /// <summary>Opens a file, or makes one; without a name results are kept in memory.</summary>
    /// <param name="path">The file, or null.</param>
    /// <param name="settings">What results depend on.</param>
    /// <exception cref="RequestRejectedException">The file's results were made with other settings.</exception>
    /// <exception cref="IOException">It can't be read or written, another process has it, or it holds something else.</exception>
    public static EvalResults Open(string? path, EvalSettings settings)
    {
        if (path is null) return new EvalResults(null, "");
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var results = new EvalResults(file, path);
        try
        {
            results.Load(settings);
            return results;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a problem of a run is finished.</summary>
    public bool Has(string problem, EvalRun run) => _outcomes.ContainsKey((problem, run));

    /// <summary>Adds a finished problem of a run; the file has it when this returns.</summary>
    public void Add(EvalRun run, EvalOutcome outcome)
    {
        _outcomes[(outcome.Problem, run)] = outcome;
        Write(JsonSerializer.Serialize(outcome, CommandJson.Readable.EvalOutcome));
    }

    /// <summary>What is finished of a run, in the order of the problems.</summary>
    public IReadOnlyList<EvalOutcome> Of(EvalRun run, IEnumerable<EvalProblem> problems) =>
        [.. problems.Where(problem => Has(problem.Key, run)).Select(problem => _outcomes[(problem.Key, run)])];

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private void Load(EvalSettings settings)
    {
        string expected = JsonSerializer.Serialize(settings, CommandJson.Readable.EvalSettings);
        var bytes = new byte[_file!.Length];
        _file.ReadExactly(bytes);
        int whole = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
        string[] lines = whole == 0 ? [] : Encoding.UTF8.GetString(bytes, 0, whole - 1).Split('\n');
        if (lines.Length == 0)
        {
            // Nothing yet, or killed within the first line; anything else is not ours to overwrite.
            if (!expected.StartsWith(Encoding.UTF8.GetString(bytes), StringComparison.Ordinal)) throw NotResults();
            _file.SetLength(0);
            Write(expected);
            return;
        }

        Compare(lines[0], expected);
        for (int i = 1; i < lines.Length; i++)
        {
            EvalOutcome outcome = Parse(lines[i], i + 1);
            _outcomes[(outcome.Problem, new EvalRun(outcome.Samples, outcome.Mode()!.Value))] = outcome;
        }

        _file.SetLength(whole);
        _file.Position = whole;
    }

    private void Compare(string line, string expected)
    {
        using JsonDocument wanted = JsonDocument.Parse(expected);
        using JsonDocument found = Header(line);
        foreach (JsonProperty setting in wanted.RootElement.EnumerateObject())
        {
            string was = found.RootElement.TryGetProperty(setting.Name, out JsonElement value) ? value.GetRawText() : "nothing";
            string now = setting.Value.GetRawText();
            if (was != now) throw new RequestRejectedException($"--results {_path}", $"results of this run's {setting.Name}, {now}", was);
        }
    }

    private JsonDocument Header(string line)
    {
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(EvalSettings.Mark, out _)) return document;
        }
        catch (JsonException)
        {
            // Said below.
        }

        document?.Dispose();
        throw NotResults();
    }

    private EvalOutcome Parse(string line, int number)
    {
        try
        {
            EvalOutcome? outcome = JsonSerializer.Deserialize(line, CommandJson.Readable.EvalOutcome);
            if (outcome is { Problem: not null, Choices: { } choices } && choices.Count == outcome.Samples && choices.Count > 0
                && choices.All(choice => choice?.Text is not null) && outcome.Mode() is not null) return outcome;
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new IOException($"{_path}: line {number}: expected the results of a problem, found something else");
    }

    private IOException NotResults() => new($"{_path}: expected results of '{CoppiceCommand.Name} eval', found another file");

    private void Write(string line)
    {
        if (_file is null) return;
        _file.Write(Encoding.UTF8.GetBytes(line + '\n'));
        _file.Flush();
    }
}
